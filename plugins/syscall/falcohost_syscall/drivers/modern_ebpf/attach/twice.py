"""Attaches two programs to the tracepoint, of which the second sees what the kernel skipped the first for.

While a program runs on a processor, the kernel skips it for other threads that reach it there. This does not matter
unless a thread can be preempted in the program; since Linux 7.2 it can be, on the return of calls. Until it continues,
nobody would see the calls of the threads that run there meanwhile. Each of the two programs has memory of its own,
which programs at other tracepoints do not write to either.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.attachment import Attachment
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.kernel.assembler import R0, R1, R2, THIS_CPU_POINTER, Assembler
from falcohost_syscall.kernel.libbpf import LibbpfError, Library, Object
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, Entry, Kernel

AGAIN: Final = "sys_exit_again"
"""The second program."""
_FIRST: Final = "sys_exit"
_TRACEPOINT: Final = "sys_exit"
#: The maps in which records are built.
_MEMORY: Final = ("scratches", "context_scratches")
#: Per processor; its last bits count how often preemption was disabled (since Linux 6.15).
_COUNT: Final = "__preempt_count"
_TIMES: Final = 0xFF
_UNKNOWN: Final = b"\xff\xff\xff\xff"
#: The first kernel whose programs can be preempted there; decides if that cannot be observed.
_FIRST_KERNEL: Final = (7, 2)


def may_be_left_out(kernel: Kernel) -> bool:
    """Return whether threads may be preempted in a program at the tracepoint.

    A program that is attached for a moment observes it. If it cannot, the kernel's version decides.
    """
    if not {"PREEMPT", "PREEMPT_DYNAMIC", "PREEMPT_RT"} & set(os.uname().version.split()):
        return False
    count = kernel.variable(_COUNT)
    if count is None:
        return _is_new()
    seen = kernel.table(_UNKNOWN)
    try:
        entry = kernel.entry(kernel.load(_look(count, seen), PROGRAM_RAW_TRACEPOINT), "Cannot look", _TRACEPOINT)
        os.getppid()
        entry.close()
        return not any(kernel.get(seen, bytes(4), len(_UNKNOWN)))
    except LibbpfError:
        return _is_new()
    finally:
        os.close(seen)


def _is_new() -> bool:
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit()) >= _FIRST_KERNEL


def _look(count: int, seen: int) -> bytes:
    asm = Assembler()
    asm.variable(R1, count)
    asm.call(THIS_CPU_POINTER)
    asm.load(R1, R0, 0, 4)
    asm.arithmetic("&", R1, _TIMES)
    asm.map_value(R2, seen)
    asm.store(R2, 0, R1, 4)
    asm.leave()
    return asm.assemble()


class TwiceAtTracepoint(Attachment):
    """The two programs at the tracepoint."""

    def __init__(self, library: Library, probe: Object, why_not: str = "") -> None:
        """Copy the two programs and their stages from the loaded *probe*.

        :raises LibbpfError: the kernel refused it.
        """
        super().__init__(why_not)
        self._library, self._kernel = library, Kernel(library)
        self._entries: list[Entry] = []
        self._stages: list[Stages] = []
        try:
            for name in (_FIRST, AGAIN):
                self._stages.append(Stages(self._kernel, probe, name, PROGRAM_RAW_TRACEPOINT, memory=_MEMORY))
        except BaseException:
            self.close()
            raise

    @property
    def stages(self) -> Sequence[Stages]:
        """The copied stages behind each of the two programs."""
        return self._stages

    @property
    def held(self) -> Sequence[int]:
        """The descriptors on which it depends that calls are seen."""
        return [*(entry.link for entry in self._entries), *(fd for stages in self._stages for fd in stages.held)]

    def start(self) -> None:
        """Attach both programs.

        :raises LibbpfError: the kernel refused it.
        """
        for stages in self._stages:
            program = self._kernel.load(stages.entry, PROGRAM_RAW_TRACEPOINT)
            self._entries.append(self._kernel.entry(program, "Cannot attach to the return of calls", _TRACEPOINT))

    def measure(self, on: bool) -> None:
        """Switch measuring of filtered calls on or off."""
        for stages in self._stages:
            stages.measure(on)

    def missed(self) -> int:
        """Return how many returns may have been missed by both programs."""
        return min((misses(self._library, entry.program) for entry in self._entries), default=0)

    def close(self) -> None:
        """Detach and unload the programs."""
        for entry in self._entries:
            entry.close()
        for stages in self._stages:
            stages.close()
        self._entries, self._stages = [], []

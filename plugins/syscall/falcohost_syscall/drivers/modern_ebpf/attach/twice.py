"""Two programs at the tracepoint, of which the second sees what the first was left out for.

While a program runs on a processor the kernel leaves it out for whoever else comes to it there. That is of no concern
as long as nobody else can; since Linux 7.2 a thread may lose its processor in the midst of a program on the return of
calls. The calls of all others that run there until it has it again would be seen by nobody. Each of the two has
memory of its own, which programs at other tracepoints do not write to meanwhile either.
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
#: Where records are put together.
_MEMORY: Final = ("scratches", "context_scratches")
#: Of each processor: in the last bits, how often preemption was switched off on it (since Linux 6.15).
_COUNT: Final = "__preempt_count"
_TIMES: Final = 0xFF
_UNKNOWN: Final = b"\xff\xff\xff\xff"
#: The first kernel with programs that are interrupted there, for where that cannot be looked at.
_FIRST_KERNEL: Final = (7, 2)


def may_be_left_out(kernel: Kernel) -> bool:
    """Return whether threads may lose their processor while they are in a program at the tracepoint.

    A program that stands there for a moment looks. Where it has nothing to look at, the kernel's version decides.
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
    """The two programs."""

    def __init__(self, library: Library, probe: Object, why_not: str = "") -> None:
        """Copy the two, and the stages for each, from the loaded *probe*.

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
        """Return what follows each of the two."""
        return self._stages

    def start(self) -> None:
        """Attach both.

        :raises LibbpfError: the kernel refused it.
        """
        for stages in self._stages:
            program = self._kernel.load(stages.entry, PROGRAM_RAW_TRACEPOINT)
            self._entries.append(self._kernel.entry(program, "Cannot attach to the return of calls", _TRACEPOINT))

    def measure(self, on: bool) -> None:
        """Take the time of calls that are left out, or no longer."""
        for stages in self._stages:
            stages.measure(on)

    def missed(self) -> int:
        """Return how many returns at most both were left out for."""
        return min((misses(self._library, entry.program) for entry in self._entries), default=0)

    def close(self) -> None:
        """Detach and unload."""
        for entry in self._entries:
            entry.close()
        for stages in self._stages:
            stages.close()
        self._entries, self._stages = [], []

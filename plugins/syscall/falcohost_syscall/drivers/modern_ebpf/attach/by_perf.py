"""Observes all calls at the tracepoint by way of perf, which runs a program there with preemption off.

While a program runs on a processor, the kernel skips it for other threads that reach it there. This does not matter
unless a thread can be preempted in the program; since Linux 7.2 it can be, on the return of calls, in programs that
are attached to the raw tracepoint. Until it continues, nobody would see the calls of the threads that run there
meanwhile. Programs that run by way of perf are of another type, so these are copies, with memory of their own, since
other programs of the probe may be preempted while they build a record.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.attachment import Attachment
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.drivers.modern_ebpf.attach.tracepoint import TRACEPOINT
from falcohost_syscall.kernel import perf
from falcohost_syscall.kernel.assembler import R0, R1, R2, THIS_CPU_POINTER, Assembler
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, PROGRAM_TRACEPOINT, PROGRAM_TRACING, Kernel

PROGRAM: Final = "sys_exit_by_perf"
"""The program that is attached."""
RETURNED: Final = "returned_by_perf"
"""What it goes on to, if somebody looks at the call."""
_FOLDER: Final = "raw_syscalls"
#: The first is for files that io_uring opens silently.
_LOOKING: Final = ("uring_look", RETURNED)
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
        entry = kernel.entry(kernel.load(_look(count, seen), PROGRAM_RAW_TRACEPOINT), "Cannot look", TRACEPOINT)
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


class PerfKernel(Kernel):
    """Loads filters of calls for programs that run by way of perf."""

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "") -> int:
        """Load a program of type ``tracepoint``.

        :raises LibbpfError: the kernel refused it.
        """
        return self.load(code, PROGRAM_TRACEPOINT)


class ByPerf(Attachment):
    """The program at the tracepoint."""

    def __init__(self, library: Library, probe: Object, why_not: str = "") -> None:
        """Copy the program and its stages from the loaded *probe*.

        :raises LibbpfError: the kernel refused it.
        :raises OSError: there is no perf, or tracefs cannot be read.
        """
        super().__init__(why_not)
        self._library = library
        self._event = _event()
        self._program = -1
        self._stages: Stages | None = None
        try:
            kernel = PerfKernel(library)
            self._stages = Stages(kernel, probe, RETURNED, PROGRAM_TRACEPOINT, memory=_MEMORY, looking=_LOOKING)
            self._program = self._stages.copied(PROGRAM)
        except BaseException:
            self.close()
            raise

    @property
    def stages(self) -> Sequence[Stages]:
        """The copied stages behind the program."""
        return [] if self._stages is None else [self._stages]

    @property
    def held(self) -> Sequence[int]:
        """The descriptors on which it depends that calls are seen."""
        return [self._event, *(fd for stages in self.stages for fd in stages.held)]

    @property
    def programs(self) -> Sequence[int]:
        """The program."""
        return [self._program]

    def start(self) -> None:
        """Attach the program.

        :raises LibbpfError: the kernel refused it.
        """
        try:
            perf.run_at(self._event, self._program)
        except OSError as error:
            raise LibbpfError("Cannot attach to the return of calls", error.errno or 0) from error

    def measure(self, on: bool) -> None:
        """Switch measuring of filtered calls on or off."""
        for stages in self.stages:
            stages.measure(on)

    def missed(self) -> int:
        """Return how often the kernel skipped the program because another one was running on the same processor."""
        return misses(self._library, self._program)

    def close(self) -> None:
        """Detach and unload the program."""
        for fd in (self._event, self._program):
            if fd >= 0:
                os.close(fd)
        self._event = self._program = -1
        for stages in self.stages:
            stages.close()
        self._stages = None


def _event() -> int:
    folder = perf.opened_folder(_FOLDER)
    try:
        return perf.opened_event(perf.number_of(TRACEPOINT, folder))
    finally:
        os.close(folder)

"""Has the probe's programs follow one another on kernels that take none with both functions and tail calls.

Before Linux 5.10, a program of the probe notes which filter and which stage follow. Relays are attached behind it, to
the same tracepoint: small programs without functions, so that they may tail-call. Each goes on to what is noted, which
may note what follows in turn. The last one forgets it: there are more than an event can need.
"""

from __future__ import annotations

import os
from typing import Final

from falcohost_syscall.kernel.assembler import FP, MAP_LOOKUP_ELEM, R0, R1, R2, R3, R6, R7, R8, TAIL_CALL, Assembler
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, Kernel

#: The section that says whether the probe is loaded for such a kernel; the map for what follows (``bpf/forms.bpf.h``).
RELAYED: Final = ".rodata.relayed"
_FOLLOWING: Final = "following"
#: Program arrays of filters and of stages, how many relays there are for them, and the programs that they are behind.
#: Calls go through nine stages, and through three of them again for each of six further names of a file.
_BEHIND: Final = (
    (
        "filters",
        "stages",
        28,
        (
            *("sys_exit", "call_foreseen", "task_renamed", "signal_delivered", "thread_switched"),
            *("page_missed", "page_missed_in_kernel"),
        ),
    ),
    ("exec_filters", "exec_stages", 13, ("process_exec",)),
    ("exit_filters", "exit_stages", 2, ("process_exit",)),
)


def add(kernel: Kernel, probe: Object) -> None:
    """Load relays, which the loaded *probe* attaches behind its programs.

    :raises LibbpfError: the kernel refused them.
    """
    for filters, stages, count, programs in _BEHIND:
        arrays = probe.map_fd(filters), probe.map_fd(stages)
        relays = []
        try:
            for last in (*[False] * count, True):
                code = _relay(probe.map_fd(_FOLLOWING), *arrays, last=last)
                relays.append(kernel.load(code, PROGRAM_RAW_TRACEPOINT))
        except BaseException:
            for relay in relays:
                os.close(relay)
            raise
        probe.put_behind(programs, relays)


def _relay(following: int, filters: int, stages: int, *, last: bool) -> bytes:
    asm = Assembler()
    end, stage = asm.label(), asm.label()
    asm.arithmetic_register("=", R7, R1)
    asm.store_constant(FP, -4, 0, 4)
    asm.map(R1, following)
    asm.arithmetic_register("=", R2, FP)
    asm.arithmetic("+", R2, -4)
    asm.call(MAP_LOOKUP_ELEM)
    asm.jump_if(R0, "=", 0, end)
    asm.load(R6, R0, 0, 4)
    asm.load(R8, R0, 4, 4)
    asm.jump_if(R8, "=", 0, end)
    asm.store_constant(R0, 0, 0, 8)
    if not last:
        asm.jump_if(R6, "=", 0, stage)
        _tail_call(asm, filters, R6)
        asm.place(stage)
        _tail_call(asm, stages, R8)
    asm.place(end)
    asm.leave()
    return asm.assemble()


def _tail_call(asm: Assembler, array: int, place: int) -> None:
    asm.arithmetic_register("=", R1, R7)
    asm.map(R2, array)
    asm.arithmetic_register("=", R3, place)
    asm.arithmetic("-", R3, 1)
    asm.call(TAIL_CALL)

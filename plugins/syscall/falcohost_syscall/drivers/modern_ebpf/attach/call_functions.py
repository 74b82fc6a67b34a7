"""Finds out whether calls can be observed at their kernel functions, and at which.

Each precondition is checked on the running kernel; what cannot be found out counts as not met. The reasons are in
docs/decisions/0031-calls-at-their-functions.md.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from falcohost_syscall.kernel.assembler import FP, PROBE_READ_KERNEL, R0, R1, R2, R3, Assembler
from falcohost_syscall.kernel.function_programs import FunctionKernel
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT
from falcohost_syscall.records import record

KALLSYMS: Final = Path("/proc/kallsyms")
VERSION: Final = Path("/proc/version")
FTRACE: Final = Path("/proc/sys/kernel/ftrace_enabled")
PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
#: PROC_PID_INIT_INO of include/linux/proc_ns.h: the number of the first pid namespace.
_FIRST_NAMESPACE: Final = 0xEFFFFFFC
NOT_TRACED: Final = f"the kernel's functions are not traced ({FTRACE} is not 1)"
_PREFIX: Final = "__x64_sys_"
_MODEL: Final = f"{_PREFIX}openat"
#: They choose a call's function by its number: for 64-bit programs (since Linux 6.9), and for others.
_CHOOSES: Final = "x64_sys_call"
_CHOOSING: Final = ("ia32_sys_call", "x32_sys_call")
#: Returns -1 for calls that are skipped because a seccomp filter denies them or a tracer refuses them.
_SKIPPING: Final = "syscall_trace_enter"
#: Stands in the table for calls that the kernel lacks; some of them have names of their own for it.
_LACKING: Final = f"{_PREFIX}ni_syscall"
_SYMBOLS: Final = frozenset({_LACKING, _CHOOSES, *_CHOOSING, "sys_call_table", "preempt_dynamic_mode"})
#: enum of kernel/sched/core.c: none, voluntary.
_NOT_PREEMPTED: Final = (0, 1)
#: Every kernel has at least this many calls.
_FEWEST: Final = 300
_U64: Final = struct.Struct("=Q")


class NotPossibleError(Exception):
    """Calls cannot be observed at this kernel's functions; the text says why."""


class CallFunctions(NamedTuple):
    """The functions of calls by number, those that choose one for 32-bit or x32 calls, and the one that skips calls."""

    by_number: Mapping[int, str]
    choosing: tuple[str, ...] = ()
    skipping: str = _SKIPPING


def find(kernel: FunctionKernel) -> CallFunctions:
    """Return the functions at which calls can be observed.

    :raises NotPossibleError: calls cannot be observed at functions.
    """
    _check_machine()
    _check_attach(kernel)
    addresses, functions = _symbols()
    reader = _Reader(kernel)
    try:
        _check_preemption(reader, addresses.get("preempt_dynamic_mode"))
        by_number = _table(reader, addresses, functions)
    finally:
        reader.close()
    choosing = tuple(name for name in _CHOOSING if name in addresses)
    needed = {*choosing, _SKIPPING}
    if missing := needed - kernel.types(needed).keys():
        raise NotPossibleError(f"the kernel's BTF does not describe {' and '.join(sorted(missing))}")
    return CallFunctions(by_number, choosing=choosing)


def _check_machine() -> None:
    if os.uname().machine != "x86_64":
        raise NotPossibleError(f"on {os.uname().machine} this is not supported")
    if PID_NAMESPACE.stat().st_ino != _FIRST_NAMESPACE:
        raise NotPossibleError("in a pid namespace of its own the agent cannot find the threads that wait in calls")
    if "gcc" not in VERSION.read_text():
        raise NotPossibleError("the kernel was not built by gcc, and other compilers may merge its functions")
    if not are_traced():
        raise NotPossibleError(NOT_TRACED)


def are_traced() -> bool:
    """Return whether programs at functions run; root can switch that off at any time."""
    return FTRACE.exists() and FTRACE.read_text().strip() == "1"


def _check_attach(kernel: FunctionKernel) -> None:
    asm = Assembler()
    asm.leave()
    try:
        kernel.attach(_MODEL, kernel.types([_MODEL])[_MODEL].function, asm.assemble()).close()
    except KeyError as error:
        raise NotPossibleError(f"the kernel's BTF does not describe {_MODEL}") from error
    except LibbpfError as error:
        raise NotPossibleError(f"the kernel attaches no program to a function ({os.strerror(error.errno)})") from error


def _symbols() -> tuple[dict[str, int], dict[int, str]]:
    """Return the addresses of the symbols that are needed, and the names of the functions of calls by address."""
    addresses: dict[str, int] = {}
    functions: dict[int, str] = {}
    with KALLSYMS.open() as lines:
        for line in lines:
            address, _, name = line.split(maxsplit=3)[:3]
            if name in _SYMBOLS:
                addresses[name] = int(address, 16)
            elif name.startswith(_PREFIX):
                functions[int(address, 16)] = name
    return addresses, functions


def _check_preemption(reader: _Reader, mode: int | None) -> None:
    words = set(os.uname().version.split())
    if "PREEMPT_DYNAMIC" in words:
        if mode and reader.word(mode) & 0xFFFFFFFF in _NOT_PREEMPTED:
            return
    elif not words & {"PREEMPT", "PREEMPT_RT"}:
        return
    raise NotPossibleError("the kernel may preempt a thread at any time (preempt=full or lazy)")


def _table(reader: _Reader, addresses: Mapping[str, int], functions: Mapping[int, str]) -> dict[int, str]:
    table = addresses.get("sys_call_table")
    if not table or _CHOOSES not in addresses:
        raise NotPossibleError("the kernel's table of calls was not found, or the kernel is older than Linux 6.9")
    places = {number: reader.word(table + 8 * number) for number in range(record.COMPAT_BASE)}
    there = functions.keys() - {addresses.get(_LACKING)}
    found = {number: functions[address] for number, address in places.items() if address in there}
    if len(found) < _FEWEST:
        raise NotPossibleError("the kernel's table of calls cannot be read")
    return found


class _Reader:
    """Reads kernel memory through two programs that are run with an address; each returns half of a word."""

    def __init__(self, kernel: FunctionKernel) -> None:
        self._kernel = kernel
        self._halves = [_half(kernel, skipped) for skipped in (0, 4)]

    def word(self, address: int) -> int:
        """Return the 64 bits at *address*; 0 if they cannot be read."""
        low, high = (self._kernel.run(program, _U64.pack(address)) & 0xFFFFFFFF for program in self._halves)
        return low | high << 32

    def close(self) -> None:
        """Unload the programs."""
        for program in self._halves:
            os.close(program)


def _half(kernel: FunctionKernel, skipped: int) -> int:
    asm = Assembler()
    asm.store_constant(FP, -8, 0, 8)
    asm.load(R3, R1, 0, 8)
    asm.arithmetic("+", R3, skipped)
    asm.arithmetic_register("=", R1, FP)
    asm.arithmetic("+", R1, -8)
    asm.constant(R2, 4)
    asm.call(PROBE_READ_KERNEL)
    asm.load(R0, FP, -8, 4)
    asm.leave(None)
    return kernel.load(asm.assemble(), PROGRAM_RAW_TRACEPOINT)

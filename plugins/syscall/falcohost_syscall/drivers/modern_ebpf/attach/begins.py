"""Runs the probe's program for the beginning of calls where their kernel functions are entered (fentry).

Calls that are seen at functions pass no tracepoint when they begin. Those of 32-bit programs are entered where the
kernel chooses their function.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import CallFunctions
from falcohost_syscall.drivers.modern_ebpf.attach.copies import copy
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.function_programs import FunctionKernel
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.programs import ATTACH_FUNCTION_ENTRY, PROGRAM_TRACING, Attach, Entry
from falcohost_syscall.records.record import COMPAT_BASE

BEGINS: Final = "call_begins"
"""The program that runs when calls begin that are compared."""
#: It chooses the functions of 32-bit programs' calls.
_CHOOSES_32: Final = "ia32_sys_call"


class Begins:
    """Copies of that program at functions. A call whose function has none is marked as not compared."""

    def __init__(self, library: Library, probe: Object, found: CallFunctions) -> None:
        self._kernel = FunctionKernel(library)
        self._probe = probe
        self._found = found
        self._entries: dict[str, Entry] = {}

    @property
    def held(self) -> Sequence[int]:
        """The descriptors on which it depends that calls are seen when they begin."""
        return [entry.link for entry in self._entries.values()]

    def enter(self, numbers: AbstractSet[int]) -> None:
        """Attach to the functions of the calls with these *numbers* too."""
        new = self._names(numbers) - self._entries.keys()
        for name, kind in (self._kernel.types(new) if new else {}).items():
            attach = Attach(ATTACH_FUNCTION_ENTRY, kind.function)
            with contextlib.suppress(LibbpfError):
                program = copy(self._kernel, self._probe, BEGINS, {}, PROGRAM_TRACING, attach)
                self._entries[name] = self._kernel.entry(program, f"Cannot attach to {name}")

    def leave(self, numbers: AbstractSet[int]) -> None:
        """Detach from all functions but those of the calls with these *numbers*."""
        for name in self._entries.keys() - self._names(numbers):
            self._entries.pop(name).close()

    def close(self) -> None:
        """Detach and unload."""
        self.leave(frozenset())

    def _names(self, numbers: AbstractSet[int]) -> set[str]:
        names = {self._found.by_number[number] for number in numbers if number in self._found.by_number}
        if _CHOOSES_32 in self._found.choosing and any(number >= COMPAT_BASE for number in numbers):
            names.add(_CHOOSES_32)
        return names

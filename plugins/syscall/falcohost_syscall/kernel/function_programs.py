"""Loads and attaches programs that run when a function of the kernel returns (fexit)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from falcohost_syscall.kernel.kernel_types import FUNCTION
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import PROGRAM_TRACING, Attach, Entry, Kernel

#: enum bpf_attach_type of include/uapi/linux/bpf.h.
ATTACH_EXIT: Final = 25


class FunctionType(NamedTuple):
    """The BTF numbers of a kernel function and of its prototype."""

    function: int
    prototype: int


class FunctionKernel(Kernel):
    """Loads programs for the returns of kernel functions; filters are loaded for the return of *function*."""

    def __init__(self, library: Library, function: int = 0) -> None:
        super().__init__(library)
        self._filtered = Attach(ATTACH_EXIT, function)

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "") -> int:
        """Load a program for the return of functions.

        :raises LibbpfError: the kernel refused it.
        """
        return self.load(code, PROGRAM_TRACING, self._filtered)

    def types(self, names: Iterable[str]) -> dict[str, FunctionType]:
        """Return the types of the functions among *names* that the kernel's BTF describes."""
        with self._library.types as types:
            found = {name: types.number(name, FUNCTION) for name in names}
            there = {name: number for name, number in found.items() if number is not None}
            return {name: FunctionType(number, types.prototype(number)) for name, number in there.items()}

    def attach(self, name: str, function: int, code: bytes) -> Entry:
        """Attach a program to the return of the kernel function *name*, whose BTF number is *function*.

        :raises LibbpfError: the kernel refused it.
        """
        return self.entry(self.load(code, PROGRAM_TRACING, Attach(ATTACH_EXIT, function)), f"Cannot attach to {name}")

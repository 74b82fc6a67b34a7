"""Loads and attaches programs that run when a function of the kernel returns (fexit)."""

from __future__ import annotations

from collections.abc import Iterable
from ctypes import POINTER, c_char_p, c_int, c_uint32, c_void_p
from typing import Any, Final, NamedTuple

from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import PROGRAM_TRACING, Attach, Entry, Kernel

#: enum bpf_attach_type of include/uapi/linux/bpf.h.
ATTACH_EXIT: Final = 25

_SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "btf__load_vmlinux_btf": (c_void_p, ()),
    "btf__find_by_name_kind": (c_int, (c_void_p, c_char_p, c_uint32)),
    "btf__type_by_id": (POINTER(c_uint32 * 3), (c_void_p, c_uint32)),
    "btf__free": (None, (c_void_p,)),
    "bpf_raw_tracepoint_open": (c_int, (c_char_p, c_int)),
}


class FunctionType(NamedTuple):
    """The BTF numbers of a kernel function and of its prototype."""

    function: int
    prototype: int


class FunctionKernel(Kernel):
    """Loads programs for the returns of kernel functions; filters are loaded for the return of *function*."""

    def __init__(self, library: Library, function: int = 0) -> None:
        super().__init__(library)
        self._filtered = Attach(ATTACH_EXIT, function)
        for name, (result, arguments) in _SIGNATURES.items():
            c_function = getattr(self._lib, name)
            c_function.restype, c_function.argtypes = result, arguments

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "") -> int:
        """Load a program for the return of functions.

        :raises LibbpfError: the kernel refused it.
        """
        return self.load(code, PROGRAM_TRACING, self._filtered)

    def types(self, names: Iterable[str]) -> dict[str, FunctionType]:
        """Return the types of the functions among *names* that the kernel's BTF describes."""
        btf = self._library.check(self._lib.btf__load_vmlinux_btf(), "The kernel's types cannot be read")
        try:
            return {
                name: FunctionType(number, self._lib.btf__type_by_id(btf, number).contents[2])  # struct btf_type.type
                for name, number in self._numbers(btf, names).items()
            }
        finally:
            self._lib.btf__free(btf)

    def attach(self, name: str, function: int, code: bytes) -> Entry:
        """Attach a program to the return of the kernel function *name*, whose BTF number is *function*.

        :raises LibbpfError: the kernel refused it.
        """
        return self.entry(self.load(code, PROGRAM_TRACING, Attach(ATTACH_EXIT, function)), f"Cannot attach to {name}")

"""The kernel's description of its own types (BTF, some megabytes): read for all who ask together, and then freed."""

from __future__ import annotations

import ctypes
import struct
import threading
from ctypes import POINTER, c_char_p, c_int, c_uint32, c_void_p
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from falcohost_syscall.kernel.libbpf import Library

#: BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_TYPEDEF, BTF_KIND_FUNC and BTF_KIND_VAR of include/uapi/linux/btf.h.
STRUCT, UNION, TYPEDEF, FUNCTION, VARIABLE = 4, 5, 8, 12, 14
#: What a tracepoint's name is preceded by in the name of its type.
TRACEPOINT: Final = "btf_trace_"

_SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "btf__load_vmlinux_btf": (c_void_p, ()),
    "btf__find_by_name_kind": (c_int, (c_void_p, c_char_p, c_uint32)),
    "btf__type_by_id": (POINTER(c_uint32 * 3), (c_void_p, c_uint32)),
    "btf__name_by_offset": (c_char_p, (c_void_p, c_uint32)),
    "btf__free": (None, (c_void_p,)),
}
#: struct btf_type, and struct btf_member, of which there are as many as the type says.
_TYPE: Final = struct.Struct("=III")
_MEMBER: Final = struct.Struct("=III")
#: How deep nameless structures may be within each other.
_DEEPEST: Final = 8

#: What was found, for all libraries of this process: the kernel's types do not change while it runs.
NUMBERS: Final[dict[tuple[str, int], int]] = {}
PROTOTYPES: Final[dict[int, int]] = {}
PLACES: Final[dict[tuple[str, str], int]] = {}


class KernelTypes:
    """Returns numbers of types within its ``with``. Types are read for the first that is not known yet.

    The outermost of several ``with`` frees them. A search reads all of them, so no number is searched twice.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lib = library.lib
        self._types: int | None = None
        self._inside = 0
        self._lock = threading.Lock()
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments

    def __enter__(self) -> Self:
        with self._lock:
            self._inside += 1
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._types is not None:
                self._lib.btf__free(self._types)
                self._types = None

    def number(self, name: str, kind: int) -> int | None:
        """Return the number of the type with that *name*; None where there is none.

        :raises LibbpfError: the kernel does not describe its types.
        """
        key = (name, kind)
        with self._lock:
            if key not in NUMBERS:
                NUMBERS[key] = int(self._lib.btf__find_by_name_kind(self._all(), name.encode(), kind))
        return NUMBERS[key] if NUMBERS[key] > 0 else None

    def prototype(self, function: int) -> int:
        """Return the number of a function's prototype."""
        with self._lock:
            if function not in PROTOTYPES:
                found = self._lib.btf__type_by_id(self._all(), function)
                PROTOTYPES[function] = int(found.contents[2])  # struct btf_type.type
        return PROTOTYPES[function]

    def place(self, structure: str, member: str) -> int | None:
        """Return the byte at which a member begins, also one of a nameless structure within; None: there is none.

        :raises LibbpfError: the kernel does not describe its types.
        """
        key = (structure, member)
        if key not in PLACES:
            number = self.number(structure, STRUCT)
            with self._lock:
                found = None if number is None else self._place(number, member.encode(), 0)
            PLACES[key] = -1 if found is None else found
        return PLACES[key] if PLACES[key] >= 0 else None

    def _place(self, number: int, member: bytes, depth: int) -> int | None:
        types = self._all()
        at = ctypes.cast(self._lib.btf__type_by_id(types, number), c_void_p).value
        if at is None:
            return None
        _, info, _ = _TYPE.unpack(ctypes.string_at(at, _TYPE.size))
        if info >> 24 & 0x1F not in (STRUCT, UNION) or depth > _DEEPEST:
            return None
        members = ctypes.string_at(at + _TYPE.size, _MEMBER.size * (info & 0xFFFF))
        for name, kind, bits in _MEMBER.iter_unpack(members):
            begin: int = (bits & 0xFFFFFF if info >> 31 else bits) // 8
            named = self._lib.btf__name_by_offset(types, name)
            if named == member:
                return begin
            if not named and (inside := self._place(kind, member, depth + 1)) is not None:
                return begin + inside
        return None

    def _all(self) -> int:
        if self._types is None:
            self._types = self._library.check(self._lib.btf__load_vmlinux_btf(), "Cannot read the kernel's types")
        return self._types

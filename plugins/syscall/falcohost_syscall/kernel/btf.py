"""Reads BTF, in which a kernel's types are described: sizes of structures, and at which bytes their members lie.

libbpf reads it for the probe. This is for what is asked before that, and for programs without CO-RE.
The data may be anything: what is no whole BTF raises :class:`ValueError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple

_HEADER: Final = Struct("<HBBIIIII")
_TYPE: Final = Struct("<III")
_MEMBER: Final = Struct("<III")
_MAGIC: Final = 0xEB9F
_STRUCT, _UNION = 4, 5
#: Bytes behind each type of a kind: so many, and so many for each of its parts (``include/uapi/linux/btf.h``).
_BEHIND: Final = {
    1: (4, 0),
    2: (0, 0),
    3: (12, 0),
    4: (0, 12),
    5: (0, 12),
    6: (0, 8),
    7: (0, 0),
    8: (0, 0),
    9: (0, 0),
    10: (0, 0),
    11: (0, 0),
    12: (0, 0),
    13: (0, 8),
    14: (4, 0),
    15: (0, 12),
    16: (0, 0),
    17: (4, 0),
    18: (0, 0),
    19: (0, 12),
}
#: How deep nameless structures may be within each other.
_DEEPEST: Final = 32


class _Type(NamedTuple):
    name: int
    kind: int
    size: int
    begin: int
    parts: int
    has_bits: bool


class Types:
    """The types of a kernel.

    :raises ValueError: *data* is no whole BTF.
    """

    def __init__(self, data: bytes) -> None:
        try:
            magic, version, _, head, first, size, texts, length = _HEADER.unpack_from(data)
        except StructError as error:
            raise ValueError("it is too short") from error
        if magic != _MAGIC or version != 1:
            raise ValueError("it does not begin as BTF does")
        if head < _HEADER.size or max(first + size, texts + length) + head > len(data):
            raise ValueError("it is cut off")
        self._data = data
        self._texts = data[head + texts : head + texts + length]
        if not self._texts.endswith(b"\0"):
            raise ValueError("its names are damaged")
        #: Where types begin, by number; the first is that of nothing.
        self._begins = [0]
        self._named: dict[str, int] = {}
        try:
            self._find(head + first, head + first + size)
        except (StructError, IndexError) as error:
            raise ValueError("its types are damaged") from error

    def _find(self, at: int, end: int) -> None:
        unpack, begins, data = _TYPE.unpack_from, self._begins, self._data
        while at < end:
            name, info, _ = unpack(data, at)
            kind = info >> 24 & 0x1F
            if kind not in _BEHIND:
                raise ValueError(f"it has types of an unknown kind ({kind})")
            if kind == _STRUCT and name:
                self._named.setdefault(self._name(name), len(begins))
            begins.append(at)
            once, each = _BEHIND[kind]
            at += _TYPE.size + once + each * (info & 0xFFFF)
        if at != end:
            raise ValueError("its types are damaged")

    def _type(self, number: int) -> _Type:
        if not 0 < number < len(self._begins):
            return _Type(0, 0, 0, 0, 0, has_bits=False)
        at = self._begins[number]
        name, info, size = _TYPE.unpack_from(self._data, at)
        return _Type(name, info >> 24 & 0x1F, size, at + _TYPE.size, info & 0xFFFF, has_bits=bool(info >> 31))

    def _name(self, at: int) -> str:
        end = self._texts.find(b"\0", at)
        return self._texts[at:end].decode(errors="replace")

    def size(self, structure: str) -> int | None:
        """Return the size of a structure in bytes; None if it is not described."""
        number = self._named.get(structure)
        return None if number is None else self._type(number).size

    def place(self, structure: str, member: str) -> int | None:
        """Return the byte at which a member begins, also one of a nameless structure within; None: there is none."""
        number = self._named.get(structure)
        return None if number is None else self._place(self._type(number), member, 0)

    def _place(self, of: _Type, member: str, depth: int) -> int | None:
        for name, kind, begin in self._members(of):
            if name and self._name(name) == member:
                return begin
            if not name and depth < _DEEPEST and (within := self._type(kind)).kind in (_STRUCT, _UNION):
                inside = self._place(within, member, depth + 1)
                if inside is not None:
                    return begin + inside
        return None

    def _members(self, of: _Type) -> Iterator[tuple[int, int, int]]:
        for number in range(of.parts):
            name, kind, bits = _MEMBER.unpack_from(self._data, of.begin + number * _MEMBER.size)
            yield name, kind, (bits & 0xFFFFFF if of.has_bits else bits) // 8

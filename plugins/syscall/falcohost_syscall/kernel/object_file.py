"""Finds in an object file which programs are in program arrays, and leaves sections out of it.

An object of which only some programs are loaded must not ask for the others in its arrays.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Set
from typing import Final, NamedTuple

# Elf64_Ehdr, Elf64_Shdr, Elf64_Sym and Elf64_Rel of elf.h; objects for BPF are little-endian here.
_TABLE, _COUNTS = struct.Struct("<40xQ"), struct.Struct("<58xHHH")
_SECTION: Final = struct.Struct("<II8x8xQQII8x8x")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELOCATION: Final = struct.Struct("<QQ")
#: Where in the header of a section its size is; where its name is comes first.
_SIZE_AT: Final = 32

#: The section that says which programs are in program arrays from the beginning.
ARRAYS: Final = b".rel.maps"
#: The section that says what in programs depends on the kernel's types.
TYPES: Final = b".BTF.ext"


class _Section(NamedTuple):
    """A section: its name, where in the image its header is, and where its content is."""

    name: bytes
    header: int
    offset: int
    size: int
    link: int


def in_arrays(image: bytes) -> Set[str]:
    """Return the names of the programs that are in program arrays from the beginning."""
    sections = _sections(image)
    found = next((one for one in sections if one.name == ARRAYS), None)
    if found is None:
        return frozenset()
    symbols = sections[found.link]
    names = sections[symbols.link]
    numbers = (info >> 32 for _, info in _RELOCATION.iter_unpack(_content(image, found)))
    places = (_SYMBOL.unpack_from(image, symbols.offset + number * _SYMBOL.size)[0] for number in numbers)
    return frozenset(_text(image, names.offset + place).decode() for place in places)


def without(image: bytes, *names: bytes) -> bytes:
    """Return *image* with empty sections without a name in place of those with these *names*."""
    changed = bytearray(image)
    for one in _sections(image):
        if one.name in names:
            struct.pack_into("<I", changed, one.header, 0)
            struct.pack_into("<Q", changed, one.header + _SIZE_AT, 0)
    return bytes(changed)


def _sections(image: bytes) -> list[_Section]:
    (table,), (size, count, texts) = _TABLE.unpack_from(image), _COUNTS.unpack_from(image)
    headers = [table + number * size for number in range(count)]
    names = _SECTION.unpack_from(image, headers[texts])[2]
    return [*_named(image, headers, names)]


def _named(image: bytes, headers: list[int], names: int) -> Iterator[_Section]:
    for header in headers:
        name, _, offset, size, link, _ = _SECTION.unpack_from(image, header)
        yield _Section(_text(image, names + name), header, offset, size, link)


def _content(image: bytes, section: _Section) -> bytes:
    return image[section.offset : section.offset + section.size]


def _text(image: bytes, place: int) -> bytes:
    return image[place : image.index(b"\0", place)]

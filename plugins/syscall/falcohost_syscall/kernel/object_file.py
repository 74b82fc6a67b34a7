"""Finds in an object file which programs are in program arrays, and leaves sections out of it.

An object of which only some programs are loaded must not ask for the others in its arrays.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Set
from typing import Any, Final, NamedTuple, TypeVar

from falcohost import SourceError

# Elf64_Ehdr, Elf64_Shdr, Elf64_Sym and Elf64_Rel of elf.h; objects for BPF are little-endian here.
_TABLE, _COUNTS = struct.Struct("<40xQ"), struct.Struct("<58xHHH")
_SECTION: Final = struct.Struct("<II8x8xQQII8x8x")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELOCATION: Final = struct.Struct("<QQ")
#: Where in the header of a section its size is; where its name is comes first.
_SIZE_AT: Final = 32

#: No name in an object file is longer, in bytes.
_LONGEST_NAME: Final = 512

#: The section that says which programs are in program arrays from the beginning.
ARRAYS: Final = b".rel.maps"
#: The section that says what in programs depends on the kernel's types.
TYPES: Final = b".BTF.ext"


_T = TypeVar("_T")


class UnreadableError(SourceError):
    """What should be an object file is none, or a damaged one."""


class _Section(NamedTuple):
    """A section: its name, where in the image its header is, and where its content is."""

    name: bytes
    header: int
    offset: int
    size: int
    link: int


def in_arrays(image: bytes) -> Set[str]:
    """Return the names of the programs that are in program arrays from the beginning.

    :raises UnreadableError: it is damaged.
    """
    sections = _sections(image)
    found = next((one for one in sections if one.name == ARRAYS), None)
    if found is None:
        return frozenset()
    symbols = _one_of(sections, found.link)
    names = _one_of(sections, symbols.link)
    end = found.offset + found.size
    if end > len(image):
        raise UnreadableError("A section of the object file ends after the file.")
    relocations = (_read(_RELOCATION, image, place) for place in range(found.offset, end, _RELOCATION.size))
    numbers = (info >> 32 for _, info in relocations)
    places = (_read(_SYMBOL, image, symbols.offset + number * _SYMBOL.size)[0] for number in numbers)
    return frozenset(_text(image, names.offset + place).decode("utf-8", "replace") for place in places)


def without(image: bytes, *names: bytes) -> bytes:
    """Return *image* with empty sections without a name in place of those with these *names*.

    :raises UnreadableError: it is damaged.
    """
    changed = bytearray(image)
    for one in _sections(image):
        if one.name in names:
            struct.pack_into("<I", changed, one.header, 0)
            struct.pack_into("<Q", changed, one.header + _SIZE_AT, 0)
    return bytes(changed)


def _sections(image: bytes) -> list[_Section]:
    (table,), (size, count, texts) = _read(_TABLE, image, 0), _read(_COUNTS, image, 0)
    headers = [table + number * size for number in range(count)]
    names = _read(_SECTION, image, _one_of(headers, texts))[2]
    return [*_named(image, headers, names)]


def _named(image: bytes, headers: list[int], names: int) -> Iterator[_Section]:
    for header in headers:
        name, _, offset, size, link, _ = _read(_SECTION, image, header)
        yield _Section(_text(image, names + name), header, offset, size, link)


def _read(form: struct.Struct, image: bytes, place: int) -> tuple[Any, ...]:
    if place + form.size > len(image):
        raise UnreadableError("The object file ends too early.")
    return form.unpack_from(image, place)


def _one_of(all_: list[_T], number: int) -> _T:
    if number >= len(all_):
        raise UnreadableError("The object file names a section that it does not have.")
    return all_[number]


def _text(image: bytes, place: int) -> bytes:
    end = image.find(b"\0", place, place + _LONGEST_NAME) if place < len(image) else -1
    if end < 0:
        raise UnreadableError("A name in the object file has no end.")
    return image[place:end]

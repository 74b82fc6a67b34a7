"""Leaves sections out of an object file: libbpf then has nothing to do for them."""

from __future__ import annotations

import struct
from typing import Any, Final

from falcohost import SourceError

# Elf64_Ehdr and Elf64_Shdr of elf.h; objects for BPF are little-endian here.
_TABLE, _COUNTS = struct.Struct("<40xQ"), struct.Struct("<58xHHH")
_SECTION: Final = struct.Struct("<I20xQ32x")
#: Where in the header of a section its size is; where its name is comes first.
_SIZE_AT: Final = 32

#: No name in an object file is longer, in bytes.
_LONGEST_NAME: Final = 512

#: The section that says what in programs depends on the kernel's types.
TYPES: Final = b".BTF.ext"


class UnreadableError(SourceError):
    """What should be an object file is none, or a damaged one."""


def without(image: bytes, *names: bytes) -> bytes:
    """Return *image* with empty sections without a name in place of those with these *names*.

    :raises UnreadableError: it is damaged.
    """
    changed = bytearray(image)
    (table,), (size, count, texts) = _read(_TABLE, image, 0), _read(_COUNTS, image, 0)
    headers = [table + number * size for number in range(count)]
    if texts >= count:
        raise UnreadableError("The object file names a section that it does not have.")
    all_names = _read(_SECTION, image, headers[texts])[1]
    for header in headers:
        if _text(image, all_names + _read(_SECTION, image, header)[0]) in names:
            struct.pack_into("<I", changed, header, 0)
            struct.pack_into("<Q", changed, header + _SIZE_AT, 0)
    return bytes(changed)


def _read(form: struct.Struct, image: bytes, place: int) -> tuple[Any, ...]:
    if place + form.size > len(image):
        raise UnreadableError("The object file ends too early.")
    return form.unpack_from(image, place)


def _text(image: bytes, place: int) -> bytes:
    end = image.find(b"\0", place, place + _LONGEST_NAME) if place < len(image) else -1
    if end < 0:
        raise UnreadableError("A name in the object file has no end.")
    return image[place:end]

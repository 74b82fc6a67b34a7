"""Instructions of programs that were loaded: which maps they name."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

#: An instruction: operation, registers, offset, number (struct bpf_insn of include/uapi/linux/bpf.h).
INSTRUCTION: Final = struct.Struct("=BBhi")
#: Its number, behind the others.
NUMBER: Final = struct.Struct("=i")
_NUMBER_AT: Final = 4
#: Operations; the upper half of the byte of registers says what the number is.
CALL, LOAD = 0x85, 0x18
#: A map, and the value of its only entry.
_MAPS: Final = (1, 2)
#: The same for another function of the program that is called, and one that is handed over (include/uapi/linux/bpf.h).
_OWN_FUNCTION, _OWN_CALLBACK = 1, 4


def with_maps(code: bytes, maps: Mapping[int, int]) -> bytes:
    """Return the instructions *code* with their maps exchanged (descriptor → descriptor)."""
    changed = bytearray(code)
    for place, number in map_places(code):
        if number in maps:
            NUMBER.pack_into(changed, place, maps[number])
    return bytes(changed)


def map_places(code: bytes) -> Iterator[tuple[int, int]]:
    """Yield where in the instructions *code* maps are named, in bytes, and the numbers that are there."""
    for place, (operation, registers, _, number) in enumerate(INSTRUCTION.iter_unpack(code)):
        if operation == LOAD and registers >> 4 in _MAPS:
            yield place * INSTRUCTION.size + _NUMBER_AT, number


def function_places(code: bytes) -> list[int]:
    """Return where the functions of a program begin, in instructions."""
    found = {0}
    for place, (operation, registers, _, number) in enumerate(INSTRUCTION.iter_unpack(code)):
        if (operation, registers >> 4) in ((CALL, _OWN_FUNCTION), (LOAD, _OWN_CALLBACK)):
            found.add(place + 1 + number)
    return sorted(found)

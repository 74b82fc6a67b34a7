"""Instructions of programs: which maps they name, and what they call."""

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
    for place, kind, number in _those(code, LOAD):
        if kind in _MAPS:
            yield place + _NUMBER_AT, number


def loads(code: bytes) -> set[int]:
    """Return as what the instructions *code* load numbers: 0 as themselves, 1 and 2 as maps, or as something else."""
    return {kind for _, kind, _ in _those(code, LOAD)}


def calls(code: bytes) -> Iterator[tuple[int, int]]:
    """Yield what the instructions *code* call: 0 and a helper's number (bpf-helpers(7)), or another kind of call."""
    return ((kind, number) for _, kind, number in _those(code, CALL))


def _those(code: bytes, operation: int) -> Iterator[tuple[int, int, int]]:
    """Yield where instructions with an *operation* are, in bytes, what their number is, and the number."""
    operations = code[:: INSTRUCTION.size]
    found = operations.find(operation)
    while found >= 0:
        _, registers, _, number = INSTRUCTION.unpack_from(code, found * INSTRUCTION.size)
        yield found * INSTRUCTION.size, registers >> 4, number
        found = operations.find(operation, found + 1)


def function_places(code: bytes) -> list[int]:
    """Return where the functions of a program begin, in instructions."""
    found = {0}
    for place, (operation, registers, _, number) in enumerate(INSTRUCTION.iter_unpack(code)):
        if (operation, registers >> 4) in ((CALL, _OWN_FUNCTION), (LOAD, _OWN_CALLBACK)):
            found.add(place + 1 + number)
    return sorted(found)

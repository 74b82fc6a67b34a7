"""Instructions of programs that were loaded: which maps they name."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

#: An instruction: operation, registers, offset, number (struct bpf_insn of include/uapi/linux/bpf.h).
INSTRUCTION: Final = struct.Struct("=BBhi")
#: Operations; the upper half of the byte of registers says what the number is.
CALL, LOAD = 0x85, 0x18
#: A map, and the value of its only entry.
_MAPS: Final = (1, 2)


def with_maps(code: bytes, maps: Mapping[int, int]) -> bytes:
    """Return the instructions *code* with their maps exchanged (descriptor → descriptor)."""
    changed = bytearray(code)
    for place, (operation, registers, offset, number) in enumerate(INSTRUCTION.iter_unpack(code)):
        if operation == LOAD and registers >> 4 in _MAPS and number in maps:
            INSTRUCTION.pack_into(changed, place * INSTRUCTION.size, operation, registers, offset, maps[number])
    return bytes(changed)

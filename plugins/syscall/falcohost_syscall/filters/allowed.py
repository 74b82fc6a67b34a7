"""Checks that a program that others have compiled does no more than filters do.

The kernel's verifier keeps a program to the maps that it names, but would have it write into these, read the kernel's
memory into them, and go on to any stage. A filter writes to its stack, and four bytes of the event's memory that are
its own; it goes on to the stages behind it. What is asked here is how the compiler writes that (``program.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from falcohost_syscall.filters.program import begin
from falcohost_syscall.kernel.assembler import (
    FP,
    GET_SMP_PROCESSOR_ID,
    MAP_LOOKUP_ELEM,
    OPERATIONS,
    PROBE_READ_KERNEL,
    R1,
    R2,
    R3,
    R6,
    R7,
    TAIL_CALL,
    Assembler,
    Operation,
)
from falcohost_syscall.kernel.instructions import INSTRUCTION, NUMBER

_SIZE: Final = INSTRUCTION.size
_OFFSETS: Final = struct.Struct("=h")


class Site(NamedTuple):
    """Where a program is to be a filter.

    :ivar memory: the map of the events' memory.
    :ivar stages: the map of the stages behind it.
    :ivar next: the stages to which it may go on.
    :ivar free: offset of the four bytes of the event's memory that it may write.
    """

    memory: int
    stages: int
    next: AbstractSet[int]
    free: int


def require_filter(code: bytes, site: Site) -> None:
    """Check the instructions *code*, whose maps are named by descriptors.

    :raises ValueError: they do what no filter does there.
    """
    operations, registers = code[::_SIZE], code[1::_SIZE]
    if len(code) % _SIZE or operations.translate(None, _KNOWN):
        raise ValueError("a filter has instructions that no filter has")
    first = _first(code, site.memory)
    to_registers = registers.translate(_TO)
    within = set(range(first))
    for place in _places(operations.translate(_SETS), to_registers.translate(_MEMORY)):
        if place != first - 1:
            raise ValueError("a filter moves the address of the event's memory")
    own = struct.pack("=h", site.free)
    for place in _places(operations.translate(_STORES), to_registers.translate(_NO_STACK)):
        at = place * _SIZE
        if operations[place] != _STORE_4 or to_registers[place] != R6 or code[at + 2 : at + 4] != own:
            raise ValueError("a filter writes what others read")
    place = operations.find(_CALL)
    while place >= 0:
        within.update(_called(code, place, site))
        place = operations.find(_CALL, place + 1)
    offsets = memoryview(code).cast("h")[1 :: _SIZE // 2].tolist()
    jumps = operations.translate(_JUMPS)
    place = jumps.find(1)
    while place >= 0:
        if place + 1 + offsets[place] in within:
            raise ValueError("a filter jumps over what it has to do")
        place = jumps.find(1, place + 1)


def _first(code: bytes, memory: int) -> int:
    """Return how many instructions a filter begins with; then R7 is its context, R6 the event's memory."""
    asm = Assembler()
    unknown = asm.label()
    begin(asm, memory, unknown)
    asm.place(unknown)
    right = asm.assemble()
    jump = len(right) - 2 * _SIZE  # of another offset
    if code[: jump + 2] + code[jump + 4 : len(right)] != right[: jump + 2] + right[jump + 4 :]:
        raise ValueError("a filter begins as no filter does")
    return len(right) // _SIZE


def _called(code: bytes, place: int, site: Site) -> range:
    """Return the instructions that belong to the call at *place* and must not be jumped to."""
    at = place * _SIZE
    _, registers, _, helper = INSTRUCTION.unpack_from(code, at)
    if registers or helper not in _HELPERS:
        raise ValueError("a filter calls what no filter calls")
    if helper == PROBE_READ_KERNEL:
        if code[at - 16 : at - 12] + code[at - 8 : at - 4] != _TO_STACK:
            raise ValueError("a filter copies to where others read")
        return range(place - 1, place + 1)
    if helper == TAIL_CALL:
        (stage,) = NUMBER.unpack_from(code, at - 4)
        if code[at - 32 : at - 4] != _going_on(site.stages) or stage not in site.next:
            raise ValueError("a filter goes on where no filter goes")
        return range(place - 3, place + 1)
    return range(0)


def _going_on(stages: int) -> bytes:
    """Return the instructions before the call of a stage, without its number."""
    asm = Assembler()
    asm.arithmetic_register("=", R1, R7)
    asm.map(R2, stages)
    asm.constant(R3, 0)
    return asm.assemble()[:-4]


def _places(ones: bytes, others: bytes) -> list[int]:
    """Return the places where both have 1."""
    both = (int.from_bytes(ones) & int.from_bytes(others)).to_bytes(len(ones))
    found, place = [], both.find(1)
    while place >= 0:
        found.append(place)
        place = both.find(1, place + 1)
    return found


def _only(*those: int) -> bytes:
    return bytes(number in those for number in range(256))


_HELPERS: Final = frozenset({MAP_LOOKUP_ELEM, GET_SMP_PROCESSOR_ID, TAIL_CALL, PROBE_READ_KERNEL})
_CALL, _STORE_4 = 0x85, 0x63
_KNOWN: Final = bytes(sorted({0, *OPERATIONS}))  # 0: the second half of a number of 64 bits
_SETS: Final = _only(*(one for one, kind in OPERATIONS.items() if kind is Operation.SETS))
_STORES: Final = _only(*(one for one, kind in OPERATIONS.items() if kind is Operation.STORES))
_JUMPS: Final = _only(*(one for one, kind in OPERATIONS.items() if kind is Operation.JUMPS))
#: The register that an instruction sets or stores to, in the lower half of the byte.
_TO: Final = bytes(number & 15 for number in range(256))
_MEMORY: Final = _only(R6)
_NO_STACK: Final = bytes(number != FP for number in range(256))
#: R1 = the stack's top; R1 += a number.
_TO_STACK: Final = struct.pack("=BBh", 0xBF, R1 | FP << 4, 0) + struct.pack("=BBh", 0x07, R1, 0)

"""The values of an argument that a call needs to be wanted, such as the command of fcntl.

They form a set of 64 bits (``call_spec.sorts``); several values may share a bit. The probe tests it of calls of 64-bit
programs before it gathers anything.
"""

from __future__ import annotations

from typing import Final

from falcohost_syscall.facts import layout
from falcohost_syscall.filters.condition import All, Condition, Literal, Within
from falcohost_syscall.records.record import NO_ARG

#: The set of all values.
ALL_SORTS: Final = (1 << 64) - 1
#: More values than this are not looked at one by one.
_MOST: Final = 64
_ARGUMENTS: Final = {layout.argument(place).offset: place for place in range(3)}


def sorts(condition: Condition) -> tuple[int, int]:
    """Return the argument that tells the most calls apart, and the bits of its values where *condition* may hold.

    The argument is ``NO_ARG`` where none tells them apart.
    """
    found = [(bits, place) for offset, place in _ARGUMENTS.items() if (bits := _bits(condition, offset)) != ALL_SORTS]
    if not found:
        return NO_ARG, ALL_SORTS
    bits, place = min(found, key=lambda one: one[0].bit_count())
    return place, bits


def _bits(condition: Condition, offset: int) -> int:
    if isinstance(condition, Literal):
        return _of_literal(condition, offset)
    found = [_bits(item, offset) for item in condition.items]
    joined = ALL_SORTS if isinstance(condition, All) else 0
    for one in found:
        joined = joined & one if isinstance(condition, All) else joined | one
    return joined


def _of_literal(literal: Literal, offset: int) -> int:
    test = literal.test
    if (
        literal.negated
        or not isinstance(test, Within)
        or test.number.offset != offset
        or test.number.mask
        or test.number.minus
    ):
        return ALL_SORTS
    if test.number.keyed or test.number.size < 4 or sum(high - low + 1 for low, high in test.ranges) > _MOST:
        return ALL_SORTS
    bits = 0
    for low, high in test.ranges:
        for value in range(low, high + 1):
            bits |= 1 << sort_bit(value)
    return bits


def sort_bit(value: int) -> int:
    """Return the bit of a value, of which the lower 32 bits count; the probe computes the same."""
    return ((value & 0xFFFFFFFF) * 0x9E3779B1 & 0xFFFFFFFF) >> 26

"""The last components of the names that rules ask for; the probe tests a file's before it runs the filters.

They form a set of 64 bits (``call_spec.leaves``); several components may share a bit. The probe tests files that have
only one name, and of those that were opened earlier it does so before it reads the rest of the path.
"""

from __future__ import annotations

from typing import Final

from falcohost_syscall.facts import layout
from falcohost_syscall.facts.header import FLAGS_OF_FILE
from falcohost_syscall.filters.condition import All, Any, Bits, Condition, Literal, Point, Text

#: The set of all last components.
ALL_LEAVES: Final = (1 << 64) - 1
_NAME: Final = layout.view("name", Point.OBJECT).offset
_FILENAME: Final = layout.view("filename", Point.OBJECT).offset


def leaf_bits(condition: Condition) -> int:
    """Return the bits of the last components of which *condition* needs one to hold."""
    if isinstance(condition, All):
        found = ALL_LEAVES
        for item in condition.items:
            found &= leaf_bits(item)
        return found
    if isinstance(condition, Any):
        found = 0
        for item in condition.items:
            found |= leaf_bits(item)
        return found
    leaves = _leaves(condition)
    return ALL_LEAVES if leaves is None else sum(1 << bit for bit in set(map(leaf_bit, leaves)))


def _leaves(literal: Literal) -> list[bytes] | None:
    test = literal.test
    if literal.negated:
        return None
    if isinstance(test, Bits) and test.number == FLAGS_OF_FILE:
        return []  # the probe asks for the last component only if it set none of these
    if not isinstance(test, Text):
        return None
    if test.view.offset == _FILENAME and test.op == "=":
        return list(test.constants)
    whole = test.op == "=" or (test.op == "endswith" and all(b"/" in constant for constant in test.constants))
    if test.view.offset != _NAME or not whole:
        return None
    leaves = [constant.rpartition(b"/")[2] for constant in test.constants]
    return leaves if all(leaves) else None


def leaf_bit(leaf: bytes) -> int:
    """Return the bit of a last component; the probe computes the same."""
    first = int.from_bytes(leaf[:8], "little") + len(leaf)
    return (first * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 58

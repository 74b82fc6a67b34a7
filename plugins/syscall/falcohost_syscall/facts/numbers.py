"""Facts that are numbers: compared as numbers, shown as text, read as names of bits, or addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any as Anything
from typing import TypeAlias

from msgspec import Struct

from falcohost.ir import Check, Exists, predicate
from falcohost_syscall.facts.bounds import UNDECIDED, Bounds, constants, exactly
from falcohost_syscall.filters.condition import (
    FALSE,
    TRUE,
    Address,
    Bits,
    Condition,
    Literal,
    Number,
    all_of,
    any_of,
    negate,
    within,
)
from falcohost_syscall.filters.merge import complement, union


class Numeric(Struct, frozen=True):
    """A field that is a number which the kernel knows, absent where *present* is false.

    :ivar others: further numbers; a check holds if it does for any of them.
    :ivar least: smaller values count as this one.
    """

    number: Number
    present: Condition = TRUE
    others: tuple[Number, ...] = ()
    least: int | None = None

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        if isinstance(check, Exists):
            return exactly(self.present)
        each = [self._one(number, check) for number in (self.number, *self.others)]
        if check.modifier is not None or any(one is None for one in each):
            return UNDECIDED
        found = [one for one in each if one is not None]
        return exactly(all_of((self.present, all_of(found) if check.op == "!=" else any_of(found))))

    def _one(self, number: Number, check: Check) -> Condition | None:
        low, high = number.lowest, number.highest
        right = constants(check)
        if not all(isinstance(value, int) for value in right):
            return None
        value = right[0] if len(right) == 1 else 0
        ranges = {
            "=": [(value, value)],
            "!=": [(low, value - 1), (value + 1, high)],
            "<": [(low, value - 1)],
            "<=": [(low, value)],
            ">": [(value + 1, high)],
            ">=": [(value, high)],
            "in": [(item, item) for item in sorted(set(right))],
        }.get(check.op)
        if ranges is None:
            return None
        least = low if self.least is None else self.least
        inside = tuple(
            (low if first <= least else first, min(high, last))
            for first, last in ranges
            if first <= high and last >= least
        )
        return within(number, *(pair for pair in inside if pair[0] <= pair[1]))


_Ranges: TypeAlias = tuple[tuple[int, int], ...]


class Shown(Struct, frozen=True):
    """A text that shows a number.

    :ivar texts: numbers, each with its text.
    :ivar other: the text of all other numbers; None: not known.
    """

    number: Number
    texts: tuple[tuple[int, str], ...]
    other: str | None = None

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field, found by checking every text."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        true, false = _decided(check, self.texts)
        if self.other is None:
            return Bounds(within(self.number, *complement(self.number, false)), within(self.number, *true))
        return exactly(
            negate(within(self.number, *false)) if predicate(check)(self.other) else within(self.number, *true)
        )


class DecimalText(Struct, frozen=True):
    """A text that is a number in decimal digits."""

    number: Number

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field; it can be decided if it compares the whole text."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        if check.op not in ("=", "!=", "in") or check.modifier is not None:
            return UNDECIDED
        same = within(self.number, *union([(value, value) for value in self._numbers(constants(check))]))
        return exactly(negate(same) if check.op == "!=" else same)

    def _numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the numbers that are shown as one of *texts*."""
        found = [int(text) for text in texts if _DECIMAL.fullmatch(text)]
        return [value for value in found if self.number.lowest <= value <= self.number.highest]


#: As many digits as a number of 64 bits has; none is shown with leading zeros.
_DECIMAL = re.compile("0|-?[1-9][0-9]{0,19}")


@lru_cache(maxsize=64)
def _decided(check: Check, texts: tuple[tuple[int, str], ...]) -> tuple[_Ranges, _Ranges]:
    """Return the numbers for whose texts *check* holds, and the others; events of several types ask."""
    holds = predicate(check)
    found: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for number, text in texts:
        found[holds(text)].append((number, number))
    return union(found[True]), union(found[False])


class BitNames(Struct, frozen=True):
    """A text that consists of the names of the bits that are set.

    :ivar names: each name with its bits in the kernel's number, or None if they cannot be told apart.
    :ivar separator: the text between names.
    """

    number: Number
    names: tuple[tuple[str, int | None], ...]
    separator: str = "|"

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field; it can be decided if it searches for a part of a single name."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        wanted = check.right
        if check.op not in ("contains", "icontains") or not isinstance(wanted, str) or check.modifier is not None:
            return UNDECIDED
        if not any(char.isalpha() for char in wanted) or self.separator in wanted:
            return UNDECIDED
        holds = predicate(check)
        masks = [mask for name, mask in self.names if holds(name)]
        if any(mask is None for mask in masks):
            return UNDECIDED
        return exactly(any_of(Literal(Bits(self.number, mask)) for mask in masks if mask is not None))


class EndAddress(Struct, frozen=True):
    """A field that is the address of one end or of either end of a socket, absent where *present* is false."""

    offsets: tuple[int, ...]
    present: Condition

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        if isinstance(check, Exists):
            return exactly(self.present)
        if check.op not in ("=", "!=", "in") or check.modifier is not None:
            return UNDECIDED
        networks = [_network(value) for value in constants(check)]
        if any(network is None for network in networks):
            return UNDECIDED
        known = frozenset(network for network in networks if network is not None)
        if not known:
            return exactly(FALSE)
        each: Iterable[Condition] = [Literal(Address(offset, known)) for offset in self.offsets]
        if check.op == "!=":
            return exactly(all_of((self.present, *map(negate, each))))
        return exactly(all_of((self.present, any_of(each))))


_MAPPED = bytes(10) + b"\xff\xff"


def _network(value: Anything) -> tuple[bytes, int] | None:
    """Return an address or network as IPv6, IPv4 mapped into it, or None if an IPv6 network includes mapped ones."""
    packed: bytes = getattr(value, "network_address", value).packed
    length: int = getattr(value, "prefixlen", 8 * len(packed))
    if len(packed) == 4:
        return _MAPPED + packed, 96 + length
    common = min(length, 96)
    shift = 128 - common
    if int.from_bytes(packed) >> shift == int.from_bytes(_MAPPED + bytes(4)) >> shift:
        return None
    return packed, length

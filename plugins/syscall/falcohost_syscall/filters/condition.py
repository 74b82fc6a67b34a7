"""Conditions over what the kernel knows of an event: a small tree without ``not`` but at its leaves.

A leaf that the kernel cannot decide for an event (a path that was too long, memory that was paged out) counts as true,
negated or not. As everything above the leaves is monotone, a whole condition is then never false where it should be
true: that is the one law of the push-down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeAlias


class Point(IntEnum):
    """Where in the probe a filter runs; the costs of what it may ask rise from one to the next."""

    CALL = 0  # number, arguments, result, who called
    OBJECT = 1  # the file or socket behind the descriptor
    MEMORY = 2  # strings and addresses that the caller passed
    PROCESS = 3  # name and texts of the process
    ANCESTORS = 4  # and of those above it


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the memory of the event: where, how wide, when it is there.

    :ivar late: where it is told at last if it was not at *point*.
    :ivar mask: only these bits count; 0: all.
    :ivar minus: where the number is that is taken from it; 0: none is.
    :ivar unknown: the value that says that the kernel does not know.
    :ivar keyed: it is in a map (:attr:`SiteMaps.keyed`); in the memory is its key.
    """

    offset: int
    size: int
    signed: bool = False
    point: Point = Point.CALL
    late: Point | None = None
    mask: int = 0
    minus: int = 0
    unknown: int | None = None
    keyed: bool = False

    @property
    def lowest(self) -> int:
        """Return the least value that it can have."""
        return -(1 << 8 * self.size - 1) if self.signed else 0

    @property
    def highest(self) -> int:
        """Return the greatest value that it can have."""
        return (1 << 8 * self.size - self.signed) - 1


@dataclass(frozen=True, slots=True)
class Within:
    """A number lies in one of the ranges (both ends belong to them)."""

    number: Number
    ranges: tuple[tuple[int, int], ...]

    @property
    def point(self) -> Point:
        """Return where it can be decided first."""
        return self.number.point


@dataclass(frozen=True, slots=True)
class Bits:
    """A number has all the bits of *mask*."""

    number: Number
    mask: int

    @property
    def point(self) -> Point:
        """Return where it can be decided first."""
        return self.number.point


@dataclass(frozen=True, slots=True)
class View:
    """A text in the memory of the event: where its view is, two bytes for its place and two for its length.

    :ivar late: where it is told at last if it was not at *point*.
    :ivar absolute: known only if it begins with a slash.
    :ivar searched: what is longer is not looked through; it counts as true.
    :ivar cut: of a long one the begin may be told (:attr:`Lengths.begin`).
    """

    offset: int
    point: Point
    late: Point
    absolute: bool = False
    searched: int = 1024
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A text equals, begins with, ends with or contains one of *constants*, or (``exists``) is there at all.

    ``icontains`` looks past the case of ASCII's letters.
    """

    view: View
    op: str
    constants: frozenset[bytes] = frozenset()

    @property
    def point(self) -> Point:
        """Return where it can be decided first."""
        return self.view.point


@dataclass(frozen=True, slots=True)
class Address:
    """An address (16 bytes at *offset*, IPv4 as mapped into IPv6) lies in one of the networks (address, bits)."""

    offset: int
    networks: frozenset[tuple[bytes, int]]
    point: Point = Point.MEMORY


Test: TypeAlias = Within | Bits | Text | Address


@dataclass(frozen=True, slots=True)
class Literal:
    """A test, or its negation."""

    test: Test
    negated: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """All of *items*; without items: true."""

    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Any of *items*; without items: false."""

    items: tuple[Condition, ...]


Condition: TypeAlias = Literal | All | Any
TRUE = All(())
FALSE = Any(())


def within(number: Number, *ranges: tuple[int, int]) -> Condition:
    """Return the condition that *number* lies in one of *ranges*."""
    if ranges == ((number.lowest, number.highest),) and number.unknown is None:
        return TRUE
    return Literal(Within(number, ranges)) if ranges else FALSE


def negate(condition: Condition) -> Condition:
    """Return what is true where *condition* is false."""
    if isinstance(condition, Literal):
        return replace(condition, negated=not condition.negated)
    return (Any if isinstance(condition, All) else All)(tuple(map(negate, condition.items)))


def literals(condition: Condition) -> Iterator[Literal]:
    """Yield the leaves, left to right."""
    if isinstance(condition, Literal):
        yield condition
    else:
        for item in condition.items:
            yield from literals(item)


def may_hold(condition: Condition, number: Number, value: int) -> bool:
    """Tell whether *condition* may hold of an event of which *number* is *value*."""
    if not isinstance(condition, Literal):
        return (all if isinstance(condition, All) else any)(may_hold(item, number, value) for item in condition.items)
    test = condition.test
    if not isinstance(test, Within) or test.number != number:
        return True
    return condition.negated is not any(low <= value <= high for low, high in test.ranges)


def up_to(condition: Condition, point: Point) -> Condition:
    """Return what is left of *condition* where what is known only behind *point* counts as true."""
    if isinstance(condition, Literal):
        return condition if condition.test.point <= point else TRUE
    return type(condition)(tuple(up_to(item, point) for item in condition.items))


def all_of(items: Iterable[Condition]) -> Condition:
    """Return the conjunction, flat and without what says nothing."""
    return _join(All, items, neutral=TRUE, decisive=FALSE)


def any_of(items: Iterable[Condition]) -> Condition:
    """Return the disjunction, flat and without what says nothing."""
    return _join(Any, items, neutral=FALSE, decisive=TRUE)


def _join(
    kind: type[All] | type[Any], items: Iterable[Condition], neutral: Condition, decisive: Condition
) -> Condition:
    found: dict[Condition, None] = {}
    for item in items:
        if item == decisive:
            return decisive
        if isinstance(item, kind):
            found |= dict.fromkeys(item.items)
        elif item != neutral:
            found[item] = None
    if len(found) == 1:
        return next(iter(found))
    return kind(tuple(found)) if found else neutral

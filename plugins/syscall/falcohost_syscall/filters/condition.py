"""Conditions over what the kernel knows of an event: a small tree with negation only at its leaves.

A leaf counts as true, negated or not, where the kernel cannot decide it for an event (a path that was too long, memory
that was paged out). Everything above the leaves is monotone, so a condition is never false where it should be true:
this is the one law of the push-down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace


class Point(IntEnum):
    """Where in the probe a filter runs; from one point to the next, facts become more expensive."""

    CALL = 0  # number, arguments, result, who called
    OBJECT = 1  # the file or socket behind the descriptor
    MEMORY = 2  # strings and addresses that the caller passed
    PROCESS = 3  # name and texts of the process
    ANCESTORS = 4  # names and texts of its ancestors


class Number(Struct, frozen=True):
    """A number in the event's memory: where it is, how wide, and from which point on.

    :ivar late: the last point at which it may become known, if not at *point*.
    :ivar mask: only these bits count; 0: all.
    :ivar minus: offset of a number that is subtracted from it; 0: none.
    :ivar unknown: the value that stands for "not known".
    :ivar keyed: the memory holds a key, and the number is in the map :attr:`SiteMaps.keyed`.
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
        """The smallest value that it can have."""
        return -(1 << 8 * self.size - 1) if self.signed else 0

    @property
    def highest(self) -> int:
        """The largest value that it can have."""
        return (1 << 8 * self.size - self.signed) - 1


class Within(Struct, frozen=True, tag=True):
    """A number lies in one of the ranges, whose ends are included."""

    number: Number
    ranges: tuple[tuple[int, int], ...]

    @property
    def point(self) -> Point:
        """The first point at which it can be decided."""
        return self.number.point


class Bits(Struct, frozen=True, tag=True):
    """A number has all the bits of *mask*."""

    number: Number
    mask: int

    @property
    def point(self) -> Point:
        """The first point at which it can be decided."""
        return self.number.point


class View(Struct, frozen=True):
    """A text in the event's memory, by the place of its view: two bytes of offset, two bytes of length.

    :ivar late: the last point at which it may become known, if not at *point*.
    :ivar absolute: it is known only if it begins with a slash.
    :ivar searched: longer texts are not searched; the search counts as true.
    :ivar cut: of a long text only the beginning may be known (:attr:`Lengths.begin`).
    """

    offset: int
    point: Point
    late: Point
    absolute: bool = False
    searched: int = 4096
    cut: bool = False


class Text(Struct, frozen=True, tag=True):
    """A text equals, begins with, ends with or contains one of *constants*, or (``exists``) is present.

    ``icontains`` ignores the case of ASCII letters.
    """

    view: View
    op: str
    constants: frozenset[bytes] = frozenset()

    @property
    def point(self) -> Point:
        """The first point at which it can be decided."""
        return self.view.point


class Address(Struct, frozen=True, tag=True):
    """An address (16 bytes at *offset*, IPv4 mapped into IPv6) lies in one of the networks (address, prefix length)."""

    offset: int
    networks: frozenset[tuple[bytes, int]]
    point: Point = Point.MEMORY


Test: TypeAlias = Within | Bits | Text | Address


class Literal(Struct, frozen=True, tag=True):
    """A test or its negation."""

    test: Test
    negated: bool = False


class All(Struct, frozen=True, tag=True):
    """Conjunction of *items*; true if there are none."""

    items: tuple[Condition, ...]


class Any(Struct, frozen=True, tag=True):
    """Disjunction of *items*; false if there are none."""

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
    """Yield the leaves from left to right."""
    if isinstance(condition, Literal):
        yield condition
    else:
        for item in condition.items:
            yield from literals(item)


def may_hold(condition: Condition, number: Number, value: int) -> bool:
    """Return whether *condition* may hold for an event in which *number* is *value*."""
    if not isinstance(condition, Literal):
        return (all if isinstance(condition, All) else any)(may_hold(item, number, value) for item in condition.items)
    test = condition.test
    if not isinstance(test, Within) or test.number != number:
        return True
    return condition.negated is not any(low <= value <= high for low, high in test.ranges)


def where(condition: Condition, number: Number, low: int, high: int) -> Condition:
    """Return *condition* for events in which *number*, which is always known, is from *low* to *high*."""
    if not isinstance(condition, Literal):
        join = all_of if isinstance(condition, All) else any_of
        return join(where(item, number, low, high) for item in condition.items)
    test = condition.test
    if not isinstance(test, Within) or test.number != number:
        return condition
    if any(first <= low and high <= last for first, last in test.ranges):
        return FALSE if condition.negated else TRUE
    if all(last < low or high < first for first, last in test.ranges):
        return TRUE if condition.negated else FALSE
    return condition


def up_to(condition: Condition, point: Point) -> Condition:
    """Return *condition* with everything that becomes known only after *point* replaced by true."""
    if isinstance(condition, Literal):
        return condition if condition.test.point <= point else TRUE
    return type(condition)(tuple(up_to(item, point) for item in condition.items))


def all_of(items: Iterable[Condition]) -> Condition:
    """Return the conjunction, flattened and without redundant items."""
    return _join(All, items, neutral=TRUE, decisive=FALSE)


def any_of(items: Iterable[Condition]) -> Condition:
    """Return the disjunction, flattened and without redundant items."""
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

"""Estimates what a test costs: instructions in the program, time when it runs, and how often it holds.

The estimates only order tests and choose which of them to take out of alternatives; no meaning depends on them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from falcohost_syscall.filters.condition import Literal, Test, Text, Within
from falcohost_syscall.filters.sets import INLINE


class Cost(NamedTuple):
    """What testing costs.

    :ivar size: instructions.
    :ivar time: nanoseconds, of what is tested before the result is known.
    :ivar holds: the share of events for which it holds.
    """

    size: int
    time: float
    holds: float


#: Of a test for ranges or bits, and of a look-up with the copy of its key.
_NUMBER: Final = Cost(4, 2.0, 0.5)
_LOOK_UP: Final = Cost(40, 40.0, 0.1)
_SEARCH: Final = Cost(40, 150.0, 0.1)
_EXISTS: Final = Cost(6, 2.0, 0.9)
_COMPARED: Final = 3.0  # nanoseconds for a constant that is compared


def of_literal(literal: Literal) -> Cost:
    """Return what a leaf costs."""
    found = _of(literal.test)
    return found._replace(holds=1 - found.holds) if literal.negated else found


def _of(test: Test) -> Cost:
    if isinstance(test, Text):
        return _of_text(test)
    if isinstance(test, Within):
        return Cost(2 + 2 * len(test.ranges), 2.0, 0.5)
    return _NUMBER if hasattr(test, "mask") else _LOOK_UP


def _of_text(test: Text) -> Cost:
    if test.op == "exists":
        return _EXISTS
    if test.op in ("contains", "icontains"):
        return _SEARCH
    count = len(test.constants)
    if count <= INLINE:
        return Cost(10 + sum(3 + len(one) // 2 for one in test.constants), _COMPARED * (1 + count), 0.1)
    lookups = len(set(map(len, test.constants))) if test.op == "endswith" else 1
    return _LOOK_UP._replace(size=_LOOK_UP.size * lookups, time=_LOOK_UP.time * lookups)


def of_all(items: list[Cost]) -> Cost:
    """Return what a conjunction costs that tests *items* in order, up to the first that does not hold."""
    time, holds = 0.0, 1.0
    for item in items:
        time += holds * item.time
        holds *= item.holds
    return Cost(sum(item.size for item in items), time, holds)


def of_any(items: list[Cost]) -> Cost:
    """Return what a disjunction costs that tests *items* in order, up to the first that holds."""
    time, fails = 0.0, 1.0
    for item in items:
        time += fails * item.time
        fails *= 1 - item.holds
    return Cost(sum(item.size for item in items), time, 1 - fails)


def soonest(cost: Cost) -> float:
    """Return by what the items of a conjunction are sorted, so that it ends after the least time where it is false."""
    return cost.time / max(1 - cost.holds, 1e-6)

"""Finds the fewest checks that decide whether a condition is true for an event.

Works on the results of :mod:`falcohost.engine.explain.trace`. For an unknown answer, it finds the checks that leave it
open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from falcohost.engine.explain.trace import Traced
from falcohost.engine.ir import And, Expr, Not, Or

#: Most sets of deciding checks that are kept for each part, the best first; a condition could have millions.
_KEPT = 16

#: A set of checks, in order; equal checks count once.
_Set: TypeAlias = dict[Expr, Traced]


def reasons(traced: Traced) -> tuple[Traced, ...]:
    """Return the fewest checks that decide the answer; () if the answer is unknown.

    Among sets of the same size, checks that the engine evaluates are preferred. (In a condition with more than 16 ways
    to decide a part, the smallest set may be missed if ways share checks.)
    """
    return tuple(_ways(traced)[0].values()) if traced.answer is not None else ()


def undecided(traced: Traced) -> Iterator[Traced]:
    """Yield the unknown checks that leave the answer open, in order."""
    if traced.answer is not None:
        return
    if not traced.items:
        yield traced
    for item in traced.items:
        yield from undecided(item)


def _ways(traced: Traced) -> list[_Set]:
    """Return sets of checks, each of which alone decides the answer of *traced*, smallest first."""
    if isinstance(traced.expr, Not):
        return _ways(traced.items[0])
    if not isinstance(traced.expr, (And, Or)):
        return [{traced.expr: traced}]
    alike = [_ways(item) for item in traced.items if item.answer is traced.answer]
    if traced.answer is isinstance(traced.expr, Or) and alike:
        return _best([way for ways in alike for way in ways])
    found: list[_Set] = [{}]
    for ways in alike:
        found = _best([before | way for before in found for way in ways])
    return found


def _best(ways: list[_Set]) -> list[_Set]:
    return sorted(ways, key=lambda way: (len(way), sum(not check.asked for check in way.values())))[:_KEPT]

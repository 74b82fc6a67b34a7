"""Why a condition holds for an event, or why not: the fewest checks that settle it.

Out of :mod:`falcohost.engine.explain.trace`. Where the answer is unknown, it says which checks it hangs on instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from falcohost.engine.explain.trace import Traced
from falcohost.engine.ir import And, Expr, Not, Or

#: Sets of checks that each part may be settled by, of which the best are kept; a condition could have millions.
_KEPT = 16

#: A set of checks, in order; equal checks count once.
_Set: TypeAlias = dict[Expr, Traced]


def reasons(traced: Traced) -> tuple[Traced, ...]:
    """Return the fewest checks that make the whole what it is; () where that cannot be told.

    Of several sets that are as small, the one whose checks were asked. (In conditions with more than 16 ways to settle
    a part the smallest may be missed where ways share checks.)
    """
    return tuple(_ways(traced)[0].values()) if traced.answer is not None else ()


def undecided(traced: Traced) -> Iterator[Traced]:
    """Yield the checks that cannot be told and on which the whole hangs, in order."""
    if traced.answer is not None:
        return
    if not traced.items:
        yield traced
    for item in traced.items:
        yield from undecided(item)


def _ways(traced: Traced) -> list[_Set]:
    """Return sets of checks of which each alone makes *traced* what it is, the smallest first."""
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

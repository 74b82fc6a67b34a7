"""Reduces a condition of rules to the part that the kernel can decide: the necessary condition for one event type."""

from __future__ import annotations

from collections.abc import Callable

from falcohost.ir import And, Check, Exists, Expr, Not
from falcohost_syscall.facts.bounds import Bounds
from falcohost_syscall.filters.condition import Condition, all_of, any_of, negate
from falcohost_syscall.filters.factor import factored


def necessary(expr: Expr, decide: Callable[[Check | Exists], Bounds]) -> Condition:
    """Return a condition that holds wherever *expr* does; *decide* returns the bounds of a check."""
    return factored(_bounds(expr, decide, {}).over)


def _bounds(expr: Expr, decide: Callable[[Check | Exists], Bounds], known: dict[int, Bounds]) -> Bounds:
    """Return the bounds of *expr*; *known* are those of its parts by their ids, since rules share macros."""
    found = known.get(id(expr))
    if found is None:
        found = known[id(expr)] = _new_bounds(expr, decide, known)
    return found


def _new_bounds(expr: Expr, decide: Callable[[Check | Exists], Bounds], known: dict[int, Bounds]) -> Bounds:
    if isinstance(expr, (Check, Exists)):
        return decide(expr)
    if isinstance(expr, Not):
        item = _bounds(expr.item, decide, known)
        return Bounds(negate(item.under), negate(item.over))
    items = [_bounds(item, decide, known) for item in expr.items]
    join = all_of if isinstance(expr, And) else any_of
    return Bounds(join(item.over for item in items), join(item.under for item in items))

"""A condition for events of one type: checks of ``evt.type`` are decided beforehand, and what follows falls away."""

from __future__ import annotations

from collections.abc import Iterator

from falcohost.engine.ir import And, Check, Expr, FieldRef, Not, Or, checks

TRUE = And(())
FALSE = Or(())


def named_types(expr: Expr) -> frozenset[str]:
    """Return the event types that *expr* names; for all others it specialises to the same."""
    return frozenset(name for check in checks(expr) for name in _names(check))


def specialise(expr: Expr, event_type: str | None) -> Expr:
    """Return what is left of *expr* for events of *event_type*; None stands for any type that *expr* does not name."""
    if isinstance(expr, Not):
        item = specialise(expr.item, event_type)
        if item in (TRUE, FALSE):
            return FALSE if item == TRUE else TRUE
        return Not(item)
    if isinstance(expr, And):
        return _chain(expr, event_type, neutral=TRUE, decisive=FALSE)
    if isinstance(expr, Or):
        return _chain(expr, event_type, neutral=FALSE, decisive=TRUE)
    names = tuple(_names(expr))
    if not names:
        return expr
    assert isinstance(expr, Check)
    return TRUE if (event_type in names) is not (expr.op == "!=") else FALSE


def _chain(expr: And | Or, event_type: str | None, *, neutral: Expr, decisive: Expr) -> Expr:
    items: list[Expr] = []
    for item in expr.items:
        found = specialise(item, event_type)
        if found == decisive:
            return decisive
        if type(found) is type(expr):
            items.extend(found.items)
        elif found != neutral:
            items.append(found)
    if not items:
        return neutral
    return items[0] if len(items) == 1 else type(expr)(tuple(items))


def _names(check: object) -> Iterator[str]:
    """Yield the types that *check* compares ``evt.type`` with; none if it is no such check."""
    if not isinstance(check, Check) or check.modifier is not None or not isinstance(check.left, FieldRef):
        return
    if check.left.field.name != "evt.type" or check.left.arg is not None:
        return
    if check.op == "in" and isinstance(check.right, tuple):
        yield from map(str, check.right)
    elif check.op in ("=", "!=") and isinstance(check.right, str):
        yield check.right

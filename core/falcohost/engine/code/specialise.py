"""Specialises a condition for events of one type, by deciding checks in advance.

Checks that are decided: those of ``evt.type``; those of ``evt.num`` that are true for every number from 1 or for none
(``evt.num = 0``, which rules use for *never*); checks against an empty list; and whether a field exists that is in
every event (``jevt.rawtime``, which rules use for *always*).
"""

from __future__ import annotations

from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Not, Or, checks

TRUE = And(())
FALSE = Or(())


def named_types(expr: Expr) -> frozenset[str]:
    """Return the event types that *expr* names; it specialises to the same condition for all others."""
    return frozenset(name for check in checks(expr) for name in type_names(check))


def specialise(expr: Expr, event_type: str | None) -> Expr:
    """Return *expr* specialised for events of *event_type*; None stands for any type that *expr* does not name.

    Parts that do not depend on the type are returned unchanged, not copied.
    """
    if isinstance(expr, And):
        return _chain(expr, event_type, neutral=TRUE, decisive=FALSE)
    if isinstance(expr, Or):
        return _chain(expr, event_type, neutral=FALSE, decisive=TRUE)
    if isinstance(expr, Not):
        item = specialise(expr.item, event_type)
        if item is TRUE or item is FALSE:
            return FALSE if item is TRUE else TRUE
        return expr if item is expr.item else Not(item)
    return _leaf(expr, event_type)


def _chain(expr: And | Or, event_type: str | None, *, neutral: Expr, decisive: Expr) -> Expr:
    items: list[Expr] = []
    changed = False
    for item in expr.items:
        found = specialise(item, event_type)
        if found is decisive:
            return decisive
        changed = changed or found is not item
        if type(found) is type(expr):
            items.extend(found.items)
        elif found is not neutral:
            items.append(found)
    if not items:
        return neutral
    if len(items) == 1:
        return items[0]
    return type(expr)(tuple(items)) if changed else expr


def _leaf(leaf: Check | Exists, event_type: str | None) -> Expr:
    if not isinstance(leaf, Check):
        always = type(leaf) is Exists and isinstance(leaf.left, FieldRef) and leaf.left.field.present
        return TRUE if always else leaf
    if leaf.right == () and (leaf.modifier is not None or leaf.op in ("in", "intersects", "pmatch")):
        return FALSE
    if isinstance(leaf.left, FieldRef) and leaf.left.field.name == "evt.num":
        return _numbered(leaf)
    names = type_names(leaf)
    if not names:
        return leaf
    return TRUE if (event_type in names) is not (leaf.op == "!=") else FALSE


def _numbered(leaf: Check) -> Expr:
    if event_types(leaf) == frozenset():
        return FALSE
    return TRUE if event_types(Not(leaf)) == frozenset() else leaf


def type_names(check: Check | Exists) -> tuple[str, ...]:
    """Return the types that *check* compares ``evt.type`` with; empty if it is a different check."""
    if not isinstance(check, Check) or check.modifier is not None or not isinstance(check.left, FieldRef):
        return ()
    if check.left.field.name != "evt.type" or check.left.arg is not None:
        return ()
    if check.op == "in" and isinstance(check.right, tuple):
        return tuple(map(str, check.right))
    return (check.right,) if check.op in ("=", "!=") and isinstance(check.right, str) else ()

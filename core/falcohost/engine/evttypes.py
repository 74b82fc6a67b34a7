"""Finds the event types that a condition can match; the matcher's index and the plan are built from them.

Only plain checks of ``evt.type``, or of a field that tells it, against constants restrict the types, and checks of
``evt.num``, which starts at 1; any other check may be true for any event. ``not`` is therefore pushed down to the
checks.
"""

from __future__ import annotations

from msgspec import Struct

from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Not, Or

#: The field that all sources have.
EVENT_TYPE = "evt.type"


class _Types(Struct, frozen=True):
    """A set of event types: *names*, or, if *others* is true, all except *names*."""

    names: frozenset[str]
    others: bool = False

    def __invert__(self) -> _Types:
        return _Types(self.names, not self.others)

    def __and__(self, other: _Types) -> _Types:
        if self.others and other.others:
            return _Types(self.names | other.names, others=True)
        if self.others:
            return _Types(other.names - self.names)
        return _Types(self.names - other.names if other.others else self.names & other.names)

    def __or__(self, other: _Types) -> _Types:
        return ~(~self & ~other)


_ALL = _Types(frozenset(), others=True)
_NONE = _Types(frozenset())


def event_types(expr: Expr, universe: frozenset[str] | None = None) -> frozenset[str] | None:
    """Return the values of ``evt.type`` for which *expr* can be true; None means any.

    :param universe: all possible values. Without it, "all except these" counts as any.
    """
    types = _of(expr, negated=False)
    if not types.others:
        return types.names
    if not types.names or universe is None:
        return None
    return universe - types.names


def _of(expr: Expr, *, negated: bool) -> _Types:
    if isinstance(expr, Not):
        return _of(expr.item, negated=not negated)
    if isinstance(expr, (And, Or)):
        intersect = isinstance(expr, And) is not negated
        types = _ALL if intersect else _NONE
        for item in expr.items:
            found = _of(item, negated=negated)
            if found is not _ALL:
                types = types & found if intersect else types | found
            elif not intersect:
                return _ALL
        return types
    found_leaf = _of_leaf(expr)
    if found_leaf is None:
        return _ALL
    return ~found_leaf if negated else found_leaf


def _of_leaf(leaf: Check | Exists) -> _Types | None:
    """Return exactly the types for which *leaf* is true; None if it does not depend on the type alone."""
    if not isinstance(leaf.left, FieldRef) or leaf.left.arg is not None:
        return None
    if isinstance(leaf, Exists):
        return _ALL if leaf.left.field.name == EVENT_TYPE else None
    if leaf.modifier is not None:
        return None
    if leaf.left.field.name == "evt.num":
        return _of_number(leaf.op, leaf.right)
    tells_type = leaf.left.field.tells_type or leaf.left.field.name == EVENT_TYPE
    return _of_names(leaf.op, leaf.right) if tells_type else None


def _of_names(op: str, right: object) -> _Types | None:
    if op == "in" and isinstance(right, tuple):
        return _Types(frozenset(right))
    if op in ("=", "!=") and isinstance(right, str):
        return _Types(frozenset((right,)), others=op == "!=")
    return None


def _of_number(op: str, right: object) -> _Types | None:
    """Decide checks of ``evt.num`` that are true for every number from 1, or for none."""
    if op == "in" and isinstance(right, tuple):
        return _NONE if not any(right) else None
    if not isinstance(right, int):
        return None
    least = right if op in ("<", ">=") else right + 1
    if least > 1:
        return None
    return {"=": _NONE, "<": _NONE, "<=": _NONE, "!=": _ALL, ">": _ALL, ">=": _ALL}.get(op)

"""Finds the event types that rules can match, and the filter with which Okta's server leaves out the others.

It may pass too much, never too little: whatever is not a comparison of the type with texts counts as true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from falcohost import Plan, ir
from falcohost.jsonlog import pushed
from falcohost.settings import OPEN_PARAMS
from falcohost_okta import mfa

#: Largest number of types in a filter; with more, all events are requested.
MOST = 40

_TYPE = "okta.evt.type"

#: Fields that have a value only for failures at the second factor, and count all of them.
_COUNTS = frozenset({"okta.mfa.deny.countlast", "okta.mfa.failure.countlast"})
_REFUSALS = frozenset({mfa.DENIED, mfa.BY_MFA})


def filter_of(plan: Plan) -> str:
    """Return the filter for *plan*; empty if it asks for any type, or for too many."""
    types = None if plan.condition is None else _types(plan.condition)
    if types is None:
        return ""
    if plan.fields & _COUNTS:
        types |= _REFUSALS
    if not 0 < len(types) <= MOST or any(set(kind) & set('"\\') for kind in types):
        return ""
    return " or ".join(f'eventType eq "{kind}"' for kind in sorted(types))


def pushed_down(settings: Mapping[str, Any]) -> Callable[[Plan], Iterator[tuple[str, str]]]:
    """Return the function that explains the push-down of a plan, given *settings*."""
    if settings.get("server_filter") is not True or settings.get(OPEN_PARAMS):
        return pushed

    def both(plan: Plan) -> Iterator[tuple[str, str]]:
        yield "the System Log", f"filter of requests: {filter_of(plan) or 'none'}"
        yield from pushed(plan)

    return both


def _types(expr: ir.Expr) -> frozenset[str] | None:
    """Return the types for which *expr* can be true; None: any."""
    if isinstance(expr, ir.And):
        known = [types for item in expr.items if (types := _types(item)) is not None]
        return min(known, key=len, default=None)
    if isinstance(expr, ir.Or):
        each = [_types(item) for item in expr.items]
        found = [types for types in each if types is not None]
        return frozenset().union(*found) if len(found) == len(each) else None
    if isinstance(expr, ir.Not):
        return None
    return _of_check(expr)


def _of_check(check: ir.Check | ir.Exists) -> frozenset[str] | None:
    if not isinstance(check.left, ir.FieldRef):
        return None
    if check.left.field.name in _COUNTS:
        return _REFUSALS
    if check.left.field.name != _TYPE or not isinstance(check, ir.Check) or check.op not in ("=", "in"):
        return None
    values = check.right if isinstance(check.right, tuple) else (check.right,)
    texts = frozenset(value for value in values if isinstance(value, str))
    return texts if len(texts) == len(set(values)) else None

"""Handles fields whose value may be known only in part, such as the beginning of a very long command line.

The getter of such a field (:attr:`~falcohost.fields.Field.known`) raises ``UnknownValueError``, so events with complete
values cost nothing extra. Then the rules are evaluated again for that event, with open fields. Their value is PENDING,
so that :mod:`falcohost.engine.unknown` can tell which rules match all the same; the known beginning is used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import fields as members
from dataclasses import replace
from typing import Any

from falcohost.engine import ir
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Not, Or
from falcohost.engine.known import known
from falcohost.engine.lookup_fields import OpenField
from falcohost.engine.operands import value_type
from falcohost.engine.paths import getter
from falcohost.engine.substitution import in_condition
from falcohost.errors import UnknownValueError
from falcohost.fields import Arg, Compare, Family, Field
from falcohost.lookups import PENDING

#: Operators that a beginning decides if it is longer than all constants.
_BY_BEGINNING = frozenset({"=", "!=", "in", "startswith"})
#: Operators that hold for a value if they hold for its beginning.
_KEPT = frozenset({"contains", "icontains"})


def may_be_cut(refs: Iterable[FieldRef]) -> bool:
    """Return whether only the beginning of one of *refs* may be known."""
    return any(ref.field.known is not None for ref in refs)


def opened(expr: Expr) -> Expr:
    """Return *expr* over open fields, as what unknown.py makes two forms of."""
    if isinstance(expr, (And, Or)):
        return type(expr)(tuple(map(opened, expr.items)))
    if isinstance(expr, Not):
        return Not(opened(expr.item))
    refs = tuple(ir.fields(expr))
    return _leaf(expr, refs) if may_be_cut(refs) else expr


def _leaf(check: Check | Exists, refs: tuple[FieldRef, ...]) -> Expr:
    if isinstance(check, Exists):
        return replace(check, left=known(check.left))
    constants = check.right if isinstance(check.right, tuple) else (check.right,)
    left = check.left
    if isinstance(left, FieldRef) and _is_text(check) and all(isinstance(constant, str) for constant in constants):
        if check.op in _BY_BEGINNING:
            longer = max((len(str(constant)) for constant in constants), default=0) + 1
            return replace(check, left=_open(left, longer))
        if check.op in _KEPT:
            return Or((replace(check, left=known(left)), replace(check, left=_open(left, None))))
    return in_condition(check, {ref: _open(ref, None) for ref in refs if ref.field.known is not None})


def _is_text(check: Check) -> bool:
    """Return whether the value that *check* asks is one text."""
    kind = value_type(check.left)
    return (
        check.modifier is None
        and kind.kind.family is Family.STRING
        and not kind.is_list
        and kind.compare is Compare.SCALAR
    )


def _open(ref: FieldRef, longer: int | None) -> FieldRef:
    return replace(ref, field=_opened(ref.field, longer))


@functools.cache
def _opened(field: Field, longer: int | None) -> OpenField:
    """Return *field* as one that is PENDING where its value is not known, nor a beginning of *longer* characters."""
    own, beginning = getter(field), field.known

    def get(event: Any, arg: Arg) -> Any:
        try:
            return own(event, arg)
        except UnknownValueError:
            found = None if longer is None or beginning is None else beginning(event, arg)
            return found if isinstance(found, str) and longer is not None and len(found) >= longer else PENDING

    rows = {one.name: getattr(field, one.name) for one in members(Field)}
    return OpenField(**{**rows, "get": get, "known": None})

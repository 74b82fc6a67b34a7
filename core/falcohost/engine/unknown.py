"""Conditions with fields of lookups, whose values may not be known yet: three values, told by two conditions.

What hangs on an unknown value is unknown, below ``not`` as well (Kleene's strong logic). A condition is *possible*
where it holds or is unknown, and *certain* where it holds whatever the unknown values are. A condition that reads no
field of a lookup is its own possible and certain form, and is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from falcohost.engine.code.specialise import FALSE, TRUE
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, ListOf, Not, Or, Transform, Unanswered, fields
from falcohost.engine.lookup_fields import LookupField, is_lookup
from falcohost.engine.substitution import in_condition

#: Returns a check that reads the given fields of lookups, as it is where possible is asked (True) or certain (False).
_Leaf: TypeAlias = Callable[[Check | Exists, list[FieldRef], bool], Expr]


def possible(expr: Expr) -> Expr:
    """Return the condition that holds where *expr* does or may come to hold, once the rows are there."""
    return _form(expr, True, _guarded) if reads_lookup(expr) else expr


def certain(expr: Expr) -> Expr:
    """Return the condition that holds where *expr* does whatever the values are that are not known yet."""
    return _form(expr, False, _guarded) if reads_lookup(expr) else expr


def without_lookups(expr: Expr) -> Expr:
    """Return a condition that holds wherever *expr* may and reads no field of a lookup: what a source may decide."""
    return _form(expr, True, _own) if reads_lookup(expr) else expr


def reads_lookup(expr: Expr) -> bool:
    """Tell whether *expr* reads a field of a lookup; quick, since it is asked of every rule."""
    pending = [expr]
    while pending:
        item = pending.pop()
        if isinstance(item, (And, Or)):
            pending += item.items
        elif isinstance(item, Not):
            pending.append(item.item)
        elif not _is_plain(item) and any(map(is_lookup, fields(item))):
            return True
    return False


def _is_plain(leaf: Check | Exists) -> bool:
    """Tell whether *leaf* compares an ordinary field with constants, as most do."""
    if not isinstance(leaf.left, FieldRef) or isinstance(leaf.left.field, LookupField):
        return False
    return not (isinstance(leaf, Check) and isinstance(leaf.right, (FieldRef, Transform, ListOf)))


def _form(expr: Expr, over: bool, leaf: _Leaf) -> Expr:
    if isinstance(expr, Not):
        item = _form(expr.item, not over, leaf)
        if item is TRUE or item is FALSE:
            return FALSE if item is TRUE else TRUE
        return expr if item is expr.item else Not(item)
    if isinstance(expr, And):
        return _chain(expr, over, leaf, neutral=TRUE, decisive=FALSE)
    if isinstance(expr, Or):
        return _chain(expr, over, leaf, neutral=FALSE, decisive=TRUE)
    asked = list(dict.fromkeys(filter(is_lookup, fields(expr))))
    return leaf(expr, asked, over) if asked else expr


def _chain(expr: And | Or, over: bool, leaf: _Leaf, *, neutral: Expr, decisive: Expr) -> Expr:
    forms = [_form(item, over, leaf) for item in expr.items]
    if all(form is item for form, item in zip(forms, expr.items, strict=True)):
        return expr
    if any(form is decisive for form in forms):
        return decisive
    items: list[Expr] = []
    for form in forms:
        if form is not neutral:
            items.extend(form.items if isinstance(form, type(expr)) else (form,))
    if not items:
        return neutral
    return items[0] if len(items) == 1 else type(expr)(tuple(items))


def _guarded(check: Check | Exists, asked: list[FieldRef], over: bool) -> Expr:
    """Return *check* behind a guard, so that it never sees a value that is not known."""
    unknown = [Unanswered(ref) for ref in asked]
    return Or((*unknown, check)) if over else And((*map(Not, unknown), check))


def _own(check: Check | Exists, asked: list[FieldRef], over: bool) -> Expr:
    """Return what the source's own fields say of *check*: where all of them have a value, the lookup has no say."""
    own = {
        ref: FieldRef(ref.field.base, ref.arg, ref.text)
        for ref in asked
        if isinstance(ref.field, LookupField) and ref.field.base is not None
    }
    if len(own) < len(asked) or (over and isinstance(check, Exists)):
        return TRUE if over else FALSE
    known = in_condition(check, own)
    return Or((*(Not(Exists(ref)) for ref in own.values()), known)) if over else known

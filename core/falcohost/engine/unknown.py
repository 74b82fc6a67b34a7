"""Three-valued conditions: open fields, whose values may not be known (yet).

A check of an unknown value is unknown, also below ``not`` (Kleene's strong logic). The three values are represented by
two conditions: the *possible* form is true if the condition is true or unknown, the *certain* form is true if the
condition is true whatever the unknown values are. A condition without open fields is returned unchanged. Fields of
lookups are open, and fields of which only the beginning may be known (:mod:`falcohost.engine.beginnings`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from falcohost.engine.code.specialise import FALSE, TRUE
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, ListOf, Not, Or, Transform, Unanswered, fields
from falcohost.engine.lookup_fields import LookupField, OpenField, is_open
from falcohost.engine.substitution import in_condition

#: Returns the possible (True) or certain (False) form of a check that reads the given fields of lookups.
_Leaf: TypeAlias = Callable[[Check | Exists, list[FieldRef], bool], Expr]


def possible(expr: Expr) -> Expr:
    """Return the condition that is true if *expr* is true, or may become true once all rows are known."""
    return _form(expr, True, _guarded) if reads_lookup(expr) else expr


def certain(expr: Expr) -> Expr:
    """Return the condition that is true if *expr* is true whatever the values are that are not known yet."""
    return _form(expr, False, _guarded) if reads_lookup(expr) else expr


def without_lookups(expr: Expr) -> Expr:
    """Return a necessary condition for *expr* without fields of lookups, so that a source may decide it."""
    return _form(expr, True, _own) if reads_lookup(expr) else expr


def reads_lookup(expr: Expr) -> bool:
    """Return whether *expr* reads a field of a lookup. Fast, since it is called for every rule."""
    pending = [expr]
    while pending:
        item = pending.pop()
        if isinstance(item, (And, Or)):
            pending += item.items
        elif isinstance(item, Not):
            pending.append(item.item)
        elif not _is_plain(item) and any(map(is_open, fields(item))):
            return True
    return False


def _is_plain(leaf: Check | Exists) -> bool:
    """Return whether *leaf* compares an ordinary field with constants, as most checks do."""
    if not isinstance(leaf.left, FieldRef) or isinstance(leaf.left.field, OpenField):
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
    asked = list(dict.fromkeys(filter(is_open, fields(expr))))
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
    """Return *check* with a guard, so that it never sees an unknown value."""
    unknown = [Unanswered(ref) for ref in asked]
    return Or((*unknown, check)) if over else And((*map(Not, unknown), check))


def _own(check: Check | Exists, asked: list[FieldRef], over: bool) -> Expr:
    """Return *check* on the source's own fields; they decide if all of them have a value."""
    own = {
        ref: FieldRef(ref.field.base, ref.arg, ref.text)
        for ref in asked
        if isinstance(ref.field, LookupField) and ref.field.base is not None
    }
    if len(own) < len(asked) or (over and isinstance(check, Exists)):
        return TRUE if over else FALSE
    known = in_condition(check, own)
    return Or((*(Not(Exists(ref)) for ref in own.values()), known)) if over else known

"""Writes the source that reads a field from the event ``e``: a call of its getter, or what that does.

No text of a rule or path enters the source; see :mod:`falcohost.engine.code.names`.
"""

from __future__ import annotations

from falcohost.engine.code.names import Names
from falcohost.engine.ir import FieldRef
from falcohost.engine.operands import value_type
from falcohost.engine.paths import ABSENT, getter, place_of
from falcohost.fields import Compare


def read(names: Names, ref: FieldRef) -> str:
    """Return the source that reads *ref*, without its getter where that says in which place of a record it looks."""
    place = place_of(getter(ref.field), ref.arg)
    if place is None or (place.read is None and _has_several(ref)):
        return call(names, ref)
    absent, found = names.of(ABSENT), _found(names, place.keys)
    if place.read is None:
        is_text = f"(a := ({found})).__class__ is {names.of(str)}"
        return f"(a if {is_text} else None if a is {absent} else {call(names, ref)})"
    made = f"{names.of(place.read)}(a, {_argument(names, ref)}){' or None' if _has_several(ref) else ''}"
    return f"(None if (a := ({found})) is {absent} else {made})"


def _found(names: Names, keys: tuple[str, ...]) -> str:
    """Return the source of what is at *keys* in the record of the event."""
    *way, last = map(names.of_constant, keys)
    absent = names.of(ABSENT)
    if not way:
        return f"e.record.get({last}, {absent})"
    steps = zip(("e.record", *["b"] * len(way)), way, strict=False)
    objects = [f"(b := {at}.get({key})).__class__ is {names.of(dict)}" for at, key in steps]
    return f"b.get({last}, {absent}) if {' and '.join(objects)} else {absent}"


def call(names: Names, ref: FieldRef) -> str:
    """Return the source that calls the getter of *ref*; an empty list counts as absent."""
    text = f"{names.of(getter(ref.field), ref.field.name, id(ref.field))}(e, {_argument(names, ref)})"
    return f"({text} or None)" if _has_several(ref) else text


def _argument(names: Names, ref: FieldRef) -> str:
    return "None" if ref.arg is None else names.of_constant(ref.arg)


def _has_several(ref: FieldRef) -> bool:
    kind = value_type(ref)
    return kind.is_list or kind.compare is not Compare.SCALAR

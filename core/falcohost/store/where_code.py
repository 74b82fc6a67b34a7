"""Makes conditions over the fields of an alert, and evaluates them in the store process, which has no plugins.

It has the rule language's meaning: the engine's own code decides it. Where an alert does not say what the condition
asks for, because it lacks a field, was cut, or stands for matches that differ in it, the condition does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from falcohost.alert import Alert
from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.codec.decode import condition
from falcohost.engine.codec.encode import condition_row
from falcohost.engine.codec.rows import SourceRow
from falcohost.engine.explain.trace import Reading, detached, key_of
from falcohost.engine.explain.values import value_of
from falcohost.engine.ir import Check, Expr, FieldRef, checks, fields
from falcohost.engine.operands import value_type
from falcohost.engine.template import PER_EVENT
from falcohost.errors import FalcohostError
from falcohost.fields import Compare, Field
from falcohost.store.where import MOST_BYTES, MOST_FIELDS, Holds, Where, WhereError, WhereField

#: Fields of an alert that stands for several events, or does not have all values.
_SAME, _LEFT_OUT = "falcohost.same", "falcohost.left_out"
_INCOMPLETE: Final = ("falcohost.cut", "falcohost.missing")


def encoded(expr: Expr, output: Iterable[FieldRef]) -> Where:
    """Return the condition *expr* over the fields that a rule's *output* shows.

    :raises WhereError: it reads others, or such as cannot be read from an alert.
    """
    shown = {ref.text for ref in output if is_readable(ref)}
    read = [*dict.fromkeys(fields(expr))]
    for ref in read:
        if ref.text not in shown:
            names = ", ".join(sorted(shown)) or "none that can be compared"
            raise WhereError(f"alerts of this rule do not have the field {ref.text}; they have: {names}")
    if any(isinstance(check, Check) and check.op == "regex" for check in checks(expr)):
        raise WhereError("regex cannot be used here; glob, contains, startswith, endswith and in can")
    known = {ref.field.name: _where_field(ref.field) for ref in read}
    if any(known[ref.field.name] != _where_field(ref.field) for ref in read):
        raise WhereError("the condition reads a field with arguments of several types")
    where = Where([*known.values()], _encode_row(condition_row("", expr)))
    if len(where.rows) > MOST_BYTES or len(where.fields) > MOST_FIELDS:
        raise WhereError("the condition is too long")
    return where


def compiled(where: Where) -> Holds:
    """Return the function that says whether *where* holds for an alert.

    :raises WhereError: it cannot be read.
    """
    try:
        catalog = Catalog("", [_field(one) for one in where.fields])
        expr = condition(_decode_row(where.rows), catalog)
        decide = compile_condition(detached(expr))
    except (ValueError, FalcohostError, RecursionError) as error:
        raise WhereError(f"the condition cannot be read: {error}") from error
    refs = [*dict.fromkeys(fields(expr))]
    differs = {ref.text: f"falcohost.values.{ref.text}" for ref in refs}

    def holds(alert: Alert) -> bool:
        given = alert.fields
        if any(name in given for name in _INCOMPLETE):
            return False
        if alert.count > 1 and given.get(_SAME) != "output" and _LEFT_OUT in given:
            return False
        if any(text not in given or values in given for text, values in differs.items()):
            return False
        try:
            return bool(decide(Reading({key_of(ref): value_of(ref, given[ref.text]) for ref in refs})))
        except Exception:  # the values are what an attacker may have chosen
            return False

    return holds


def is_readable(ref: FieldRef) -> bool:
    """Return whether an alert has the value that conditions compare, and one for all events that it stands for."""
    field = ref.field
    differs = field.json is not None or field.shown is not None or field.filter_only or field.print_only
    return not differs and value_type(ref).compare is Compare.SCALAR and not ref.text.startswith(PER_EVENT)


def _where_field(field: Field) -> WhereField:
    return WhereField(field.name, field.type, field.arg, field.dotted, field.is_list)


def _field(one: WhereField) -> Field:
    return Field(
        name=one.name,
        type=one.type,
        description="",
        get=lambda event, arg: None,  # detached() puts another in its place
        arg=one.arg,
        dotted=one.dotted,
        is_list=one.is_list,
    )


_encode_row = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(SourceRow).decode

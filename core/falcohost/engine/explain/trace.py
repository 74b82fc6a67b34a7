"""Evaluates a condition for one event part by part: which parts are true, false or unknown.

An event that was copied from an alert has values for some fields only. The answer of a part that depends on other
fields is unknown, None. The engine's own generated code decides each check; only ``and``, ``or`` and ``not`` are
evaluated here. If all values are known, the answer is the engine's.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from falcohost.engine.code.module import compile_condition, compile_values
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import (
    And,
    Check,
    Exists,
    Expr,
    FieldRef,
    ListOf,
    Not,
    Operand,
    Or,
    Transform,
    fields,
    operand_fields,
)
from falcohost.engine.lookup_fields import behind
from falcohost.fields import Field


class Unknown(enum.Enum):
    """The type of :data:`UNKNOWN`: a value that is not known; an absent value is None."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A value that the alert does not have, since it was *size* bytes long; 0: not all of it was known."""

    size: int


#: Returns the value of a field, None if it is absent, LeftOut, or UNKNOWN.
Values: TypeAlias = Callable[[FieldRef], object]

#: Returns what a check said when the alert was raised, if that is known.
Answers: TypeAlias = Callable[[Check | Exists], bool | None]


def no_answer(check: Check | Exists) -> None:
    """Return that no answer is known."""


@dataclass(frozen=True, slots=True)
class Traced:
    """The result of a part of a condition.

    :ivar answer: true, false, or None for unknown.
    :ivar asked: False if earlier parts had already decided; *answer* is what it would have been.
    :ivar items: the parts of this part.
    :ivar values: for a check, the value of each field that it reads, and of each transformer on either side; of an
        unknown one also the values by which the fields are looked up.
    """

    expr: Expr
    answer: bool | None
    asked: bool
    items: tuple[Traced, ...] = ()
    values: tuple[tuple[Operand, object], ...] = ()


def trace(expr: Expr, values: Values, answers: Answers = no_answer) -> Traced:
    """Evaluate each part of *expr* for *values*. Nested ``and`` and ``or`` are allowed.

    :param answers: asked about checks whose values are not known.
    """
    return _trace(expr, values, answers, asked=True)


def _trace(expr: Expr, values: Values, answers: Answers, *, asked: bool) -> Traced:
    if isinstance(expr, Not):
        item = _trace(expr.item, values, answers, asked=asked)
        return Traced(expr, None if item.answer is None else not item.answer, asked, (item,))
    if isinstance(expr, (And, Or)):
        return _chain(expr, values, answers, asked)
    return _check(expr, values, answers, asked)


def _chain(expr: And | Or, values: Values, answers: Answers, asked: bool) -> Traced:
    decisive = isinstance(expr, Or)
    answer: bool | None = not decisive
    items = []
    for part in expr.items:
        item = _trace(part, values, answers, asked=asked and answer is not decisive)
        items.append(item)
        if answer is not decisive and item.answer is not (not decisive):
            answer = item.answer
    return Traced(expr, answer, asked, tuple(items))


def _check(check: Check | Exists, values: Values, answers: Answers, asked: bool) -> Traced:
    read = {ref: values(ref) for ref in fields(check)}
    known = {key_of(ref): value for ref, value in read.items() if is_known(value)}
    if len(known) == len(read):
        answer: bool | None = bool(_decider(check)(Reading(known)))
    elif any(value in (None, ()) for value in known.values()):
        answer = False  # one absent value makes the check false
    else:
        answer = _of_any_event(check)
        answer = answers(check) if answer is None else answer
    looked_up = _looked_up(read, values) if answer is None else {}
    return Traced(check, answer, asked, (), (*read.items(), *looked_up.items(), *_transformed(check, known)))


def _looked_up(read: Mapping[FieldRef, object], values: Values) -> dict[FieldRef, object]:
    """Return the known values of fields by which those of *read* are looked up whose rows are not known."""
    found = {key: values(key) for ref, value in read.items() if value is UNKNOWN for key in behind(ref)}
    return {key: value for key, value in found.items() if key not in read and is_known(value)}


@functools.lru_cache(maxsize=4096)
def _decider(check: Check | Exists) -> Callable[[Reading], object]:
    """Return the engine's code for *check*, which is often asked of many events."""
    return compile_condition(detached(check))


def is_known(value: object) -> bool:
    """Return whether *value* is a value, and does not say that there is none."""
    return value is not UNKNOWN and not isinstance(value, LeftOut)


def _of_any_event(check: Check | Exists) -> bool | None:
    """Return the answer of *check* if it is the same for every event (``evt.num = 0``, ``in ()``), else None."""
    if event_types(check) == frozenset() or (isinstance(check, Check) and check.right == ()):
        return False
    return True if event_types(Not(check)) == frozenset() else None


def _transformed(check: Check | Exists, known: Mapping[Key, object]) -> list[tuple[Operand, object]]:
    """Return the known values of transformers on either side of *check*."""
    sides = [check.left, *([check.right] if isinstance(check, Check) else [])]
    found: list[tuple[Operand, object]] = []
    for side in sides:
        if isinstance(side, Transform) and all(key_of(ref) in known for ref in operand_fields(side)):
            found.append((side, compile_values([_operand(side)])[0](Reading(known))))
    return found


Key: TypeAlias = tuple[str, object]


def key_of(ref: FieldRef) -> Key:
    """Return the key of the value that *ref* reads."""
    return ref.field.name, ref.arg


@dataclass(frozen=True, slots=True)
class Reading:
    """An event that consists of field values by :func:`key_of`; a missing value is absent."""

    values: Mapping[Key, Any]
    type: str = ""
    ts: int = 0
    num: int = 1
    key: str = ""


def detached(expr: Expr) -> Expr:
    """Return *expr* with fields that read from a :class:`Reading` instead of the source's events."""
    if isinstance(expr, Not):
        return Not(detached(expr.item))
    if isinstance(expr, (And, Or)):
        return type(expr)(tuple(map(detached, expr.items)))
    if isinstance(expr, Exists):
        return Exists(_side(expr.left))
    right = expr.right
    return replace(
        expr,
        left=_side(expr.left),
        right=_operand(right) if isinstance(right, (FieldRef, Transform, ListOf)) else right,
    )


def _side(operand: FieldRef | Transform) -> FieldRef | Transform:
    found = _operand(operand)
    assert isinstance(found, (FieldRef, Transform))
    return found


def _operand(operand: Operand) -> Operand:
    if isinstance(operand, FieldRef):
        return replace(operand, field=_reader(operand.field))
    if isinstance(operand, ListOf):
        return ListOf(tuple(map(_operand, operand.items)))
    if isinstance(operand, Transform):
        return replace(operand, args=tuple(map(_operand, operand.args)))
    return operand


@functools.lru_cache(maxsize=4096)
def _reader(field: Field) -> Field:
    """Return *field* with a getter that reads from a :class:`Reading`."""
    name = field.name
    return replace(field, get=lambda event, arg: event.values.get((name, arg)), path=None)

"""A condition asked of one event, part by part: which part is true, which is false, and which cannot be told.

An event that somebody copied out of an alert has the values of some fields only. What depends on the others is neither
true nor false, so there is a third answer, None. Each check alone is decided by the engine's own generated code; only
``and``, ``or`` and ``not`` are done here, and where all values are known the answer is the engine's.
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
from falcohost.fields import Field


class Unknown(enum.Enum):
    """Stands for a value of which nothing is known, not even whether it is absent (that is None)."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN

#: Returns the value of a field, None if it is absent, or UNKNOWN.
Values: TypeAlias = Callable[[FieldRef], object]


@dataclass(frozen=True, slots=True)
class Traced:
    """A part of a condition and what came of it.

    :ivar answer: None if it cannot be told.
    :ivar asked: False if the parts before it had settled the matter; *answer* is what it would have been.
    :ivar items: the parts of this part.
    :ivar values: of a check, the value of each field that it reads, and of each transformer that is a side of it.
    """

    expr: Expr
    answer: bool | None
    asked: bool
    items: tuple[Traced, ...] = ()
    values: tuple[tuple[Operand, object], ...] = ()


def trace(expr: Expr, values: Values) -> Traced:
    """Return what each part of *expr*, whose ``and`` and ``or`` may be nested at will, says of *values*."""
    return _trace(expr, values, asked=True)


def _trace(expr: Expr, values: Values, *, asked: bool) -> Traced:
    if isinstance(expr, Not):
        item = _trace(expr.item, values, asked=asked)
        return Traced(expr, None if item.answer is None else not item.answer, asked, (item,))
    if isinstance(expr, (And, Or)):
        return _chain(expr, values, asked)
    return _check(expr, values, asked)


def _chain(expr: And | Or, values: Values, asked: bool) -> Traced:
    decisive = isinstance(expr, Or)
    answer: bool | None = not decisive
    items = []
    for part in expr.items:
        item = _trace(part, values, asked=asked and answer is not decisive)
        items.append(item)
        if answer is not decisive and item.answer is not (not decisive):
            answer = item.answer
    return Traced(expr, answer, asked, tuple(items))


def _check(check: Check | Exists, values: Values, asked: bool) -> Traced:
    read = {ref: values(ref) for ref in fields(check)}
    known = {key_of(ref): value for ref, value in read.items() if value is not UNKNOWN}
    if len(known) == len(read):
        answer: bool | None = bool(compile_condition(detached(check))(Reading(known)))
    elif any(value in (None, ()) for value in known.values()):
        answer = False  # an absent value is enough, whatever the others are
    else:
        answer = _of_any_event(check)
    return Traced(check, answer, asked, (), (*read.items(), *_transformed(check, known)))


def _of_any_event(check: Check | Exists) -> bool | None:
    """Return what *check* says of every event there can be (``evt.num = 0``, ``in ()``), or None if that depends."""
    if event_types(check) == frozenset() or (isinstance(check, Check) and check.right == ()):
        return False
    return True if event_types(Not(check)) == frozenset() else None


def _transformed(check: Check | Exists, known: Mapping[Key, object]) -> list[tuple[Operand, object]]:
    """Return the values of the sides of *check* that are transformers, as far as they are known."""
    sides = [check.left, *([check.right] if isinstance(check, Check) else [])]
    found: list[tuple[Operand, object]] = []
    for side in sides:
        if isinstance(side, Transform) and all(key_of(ref) in known for ref in operand_fields(side)):
            found.append((side, compile_values([_operand(side)])[0](Reading(known))))
    return found


Key: TypeAlias = tuple[str, object]


def key_of(ref: FieldRef) -> Key:
    """Return what names the value that *ref* reads."""
    return ref.field.name, ref.arg


@dataclass(frozen=True, slots=True)
class Reading:
    """An event that is nothing but the values of its fields, by :func:`key_of`; one that is missing is absent."""

    values: Mapping[Key, Any]
    type: str = ""
    ts: int = 0
    num: int = 1
    key: str = ""


def detached(expr: Expr) -> Expr:
    """Return *expr* with fields that read a :class:`Reading` in the place of their source's events."""
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
    """Return *field*, reading a :class:`Reading`."""
    name = field.name
    return replace(field, get=lambda event, arg: event.values.get((name, arg)), path=None)

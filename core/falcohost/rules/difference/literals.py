"""A condition as a Boolean function of literals that compare one thing with one set of values.

Lists are sets here wherever the operator means one of their items, so that the order of items, and whether they stand
in one list or in several checks, do not matter. What is constant for every event becomes true or false.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, ListOf, Not, Or, Transform
from falcohost.engine.operands import value_type
from falcohost.engine.shown import shown, shown_operand, shown_value
from falcohost.engine.texts import ascii_lower
from falcohost.fields import Compare


@dataclass(frozen=True, slots=True)
class OneOf:
    """*what*, such as ``proc.name =``, is true for one of *values*; without values it is never true."""

    what: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Joined:
    """All of *items*, or one of them."""

    all: bool
    items: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """The opposite of *item*."""

    item: Formula


Formula: TypeAlias = OneOf | Joined | Negated

TRUE = Joined(True, ())
FALSE = Joined(False, ())


def formula(expr: Expr) -> Formula:
    """Return *expr* in this form."""
    if isinstance(expr, Not):
        return Negated(formula(expr.item))
    if isinstance(expr, (And, Or)):
        return Joined(isinstance(expr, And), tuple(map(formula, expr.items)))
    if (fixed := _fixed(expr)) is not None:
        return TRUE if fixed else FALSE
    return _one_of(expr) if isinstance(expr, Exists) else _check(expr)


def literals(found: Formula, *, negated: bool = False) -> Iterator[tuple[bool, OneOf]]:
    """Yield the literals of *found*, each with whether it is negated."""
    if isinstance(found, Negated):
        yield from literals(found.item, negated=not negated)
    elif isinstance(found, Joined):
        for item in found.items:
            yield from literals(item, negated=negated)
    else:
        yield negated, found


def _fixed(check: Check | Exists) -> bool | None:
    """Return the answer of *check* if it is the same for every event."""
    if isinstance(check, Check) and check.right == ():
        return False
    if isinstance(check.left, FieldRef) and check.left.field.name == "evt.dir" and check.left.arg is None:
        return _of_direction(check)
    if event_types(check) == frozenset():
        return False
    return True if event_types(Not(check)) == frozenset() else None


def _of_direction(check: Check | Exists) -> bool | None:
    """Return the answer of a *check* of evt.dir, which is ``<`` in every event, since there are no enter events."""
    if isinstance(check, Check) and check.op in ("=", "!=") and check.modifier is None and isinstance(check.right, str):
        return (check.right == "<") is (check.op == "=")
    return None


def _check(check: Check) -> Formula:
    if isinstance(check.right, (FieldRef, Transform, ListOf)):
        return OneOf(shown(check), frozenset(("",)))
    kind = value_type(check.left)
    several = kind.is_list or kind.compare is not Compare.SCALAR
    if check.op == "!=" and not several and check.modifier is None:
        same = _one_of(check, "=", (check.right,))
        return Joined(True, (_one_of(Exists(check.left)), Negated(same)))
    values = check.right if isinstance(check.right, tuple) else (check.right,)
    if check.modifier is not None:
        return _modified(check, values, several)
    if kind.is_list and check.op == "in":
        return _whole(check, values)
    op = "=" if check.op in ("in", "intersects") and not kind.is_list else check.op
    return _one_of(check, op, values)


def _modified(check: Check, values: tuple[object, ...], several: bool) -> Formula:
    if check.modifier == "anyof" and not (several and check.op == "!="):
        return _one_of(check, check.op, values)
    if check.modifier == "allof" and not several:
        return Joined(True, tuple(_one_of(check, check.op, (value,)) for value in values))
    return _whole(check, values, repeated=check.modifier == "oneof")


def _whole(check: Check, values: tuple[object, ...], *, repeated: bool = False) -> OneOf:
    """Return *check* with all its values, whose order does not matter; that they are *repeated* may."""
    texts = [_text(value, check.op) for value in values]
    listed = ", ".join(sorted(texts if repeated else set(texts)))
    what = " ".join(filter(None, (_operand(check.left), check.op, check.modifier)))
    return OneOf(f"{what} ({listed})", frozenset(("",)))


def _one_of(check: Check | Exists, op: str = "exists", values: tuple[object, ...] = ("",)) -> OneOf:
    return OneOf(f"{_operand(check.left)} {op}", frozenset(_text(value, op) for value in values))


def _operand(operand: FieldRef | Transform) -> str:
    if isinstance(operand, FieldRef):
        return operand.field.name if operand.arg is None else f"{operand.field.name}[{operand.arg}]"
    return shown_operand(operand)


def _text(value: object, op: str) -> str:
    text = value if op == "exists" and isinstance(value, str) else shown_value(value, op)
    return ascii_lower(text) if op == "icontains" else text

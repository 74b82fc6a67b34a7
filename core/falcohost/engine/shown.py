"""Prints IR in the rule language, for messages, explanations and statistics.

Constants are written so that they would be read as the same value; a nested ``and`` or ``or`` is in parentheses.
"""

from __future__ import annotations

from falcohost.engine.ir import And, Check, Const, Exists, Expr, FieldRef, ListOf, Not, Operand, Or, Transform
from falcohost.engine.texts import bytes_text
from falcohost.lang.quoting import quote

_HEX = ("bcontains", "bstartswith")

#: Characters that end a bare constant.
_SEPARATORS = frozenset("(),")


def shown(expr: Expr) -> str:
    """Return the text of *expr*; an empty ``and`` is true, an empty ``or`` is false."""
    if isinstance(expr, Not):
        return f"not {_inner(expr.item)}"
    if isinstance(expr, And):
        return " and ".join(map(_inner, expr.items)) or "true"
    if isinstance(expr, Or):
        return " or ".join(map(_inner, expr.items)) or "false"
    if isinstance(expr, Exists):
        return f"{shown_operand(expr.left)} exists"
    return " ".join(filter(None, (shown_operand(expr.left), expr.op, expr.modifier, _right(expr))))


def shown_operand(operand: Operand) -> str:
    """Return the text of a field, a constant, a list or a transformer."""
    if isinstance(operand, FieldRef):
        return operand.text
    if isinstance(operand, Const):
        return _quoted(operand.value) if isinstance(operand.value, str) else str(operand.value)
    if isinstance(operand, ListOf):
        return "(" + ", ".join(map(shown_operand, operand.items)) + ")"
    argument = "" if operand.arg is None else f"[{operand.arg}]"
    return f"{operand.name}({', '.join(map(shown_operand, operand.args))}){argument}"


def shown_value(value: object, op: str = "=") -> str:
    """Return the text of one constant of a check with the operator *op*."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex() if op in _HEX else _constant(bytes_text(value))
    return _constant(f"{value:.0f}" if isinstance(value, float) else str(value))


def _constant(text: str) -> str:
    """Return *text* as a constant that is read as one, also in a list."""
    return quote(text) if text and _SEPARATORS.isdisjoint(text) else _quoted(text)


def _quoted(text: str) -> str:
    """Return *text* in quotes, which are required inside a transformer."""
    written = quote(text)
    return written if written[:1] == '"' else f'"{written}"'


def _inner(expr: Expr) -> str:
    return f"({shown(expr)})" if isinstance(expr, (And, Or)) else shown(expr)


def _right(check: Check) -> str:
    right = check.right
    if isinstance(right, FieldRef):
        return f"val({shown_operand(right)})"
    if isinstance(right, (Transform, Const, ListOf)):
        return shown_operand(right)
    if isinstance(right, tuple):
        return "(" + ", ".join(shown_value(value, check.op) for value in right) + ")"
    return shown_value(right, check.op)

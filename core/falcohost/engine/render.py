"""Formats field values as text for output lines, and as JSON.

Text from events is made printable here and nowhere else. JSON keeps control characters; its encoder escapes them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, TypeAlias

from falcohost.engine.addresses import address_text
from falcohost.engine.buffers import buffer_text
from falcohost.engine.ir import FieldRef, Operand
from falcohost.engine.operands import value_type
from falcohost.engine.texts import printable, valid
from falcohost.fields import Compare, FieldType

Render: TypeAlias = Callable[[Any], str]

#: The text for an absent value.
MISSING = "<NA>"

#: Most characters that one value adds to a text; a longer one is cut and ends in an ellipsis.
TEXT_LIMIT = 16384

#: Nanoseconds that Falco prints with nine digits.
_NINE_DIGITS = frozenset(("evt.rawtime.ns", "evt.reltime", "evt.reltime.ns", "evt.latency.ns", "evt.deltatime.ns"))


def text_renderer(operand: Operand) -> Render:
    """Return the function from a value of *operand* to its text."""
    kind = value_type(operand)
    one = text_of
    if isinstance(operand, FieldRef) and operand.field.name in _NINE_DIGITS:
        one = _nine_digits
    elif kind.kind is FieldType.DOUBLE:
        one = _double_text
    if kind.is_list:
        return lambda values: MISSING if values is None else _cut("(" + ",".join(map(one, values)) + ")")
    if kind.compare is not Compare.SCALAR:
        return lambda values: MISSING if values is None else _cut(printable(joined(values) or ""))
    return one


def list_shown(values: tuple[Any, ...] | None) -> tuple[str, object]:
    """Return the text and the JSON value of a list of texts."""
    if values is None:
        return MISSING, None
    if values.__class__ is tuple:
        try:
            text = ",".join(values)
        except TypeError:  # one of them is no text
            text = "\n"
        if text.isascii() and text.isprintable() and len(text) <= TEXT_LIMIT - 2:  # as most are
            return f"({text})", [*values]
    return _cut("(" + ",".join(map(text_of, values)) + ")"), json_value(values)


def text_of(value: Any) -> str:
    """Return the text of one value."""
    if isinstance(value, str):
        return printable(value if len(value) <= TEXT_LIMIT else _cut(value))
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return buffer_text(value)
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return address_text(value)
    return printable(str(value))


def _double_text(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}"


def _nine_digits(value: int | None) -> str:
    return MISSING if value is None else f"{value:09}"


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"


def joined(values: tuple[Any, ...] | None) -> str | None:
    """Return the text of values that are compared one by one, separated by blanks."""
    if values is None:
        return None
    return " ".join(value if isinstance(value, str) else text_of(value) for value in values)


def json_value(value: Any) -> object:
    """Return *value* as a JSON value; a list is an array, whose items are no arrays."""
    if isinstance(value, str):
        return valid(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        # An integer of more than 64 bits becomes a string.
        return value if -(1 << 63) <= value < 1 << 64 else str(value)
    if isinstance(value, (tuple, list)):
        return [json_value(str(item) if isinstance(item, (tuple, list)) else item) for item in value]
    return text_of(value)

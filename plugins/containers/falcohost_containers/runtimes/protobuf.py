"""Messages of protocol buffers, as few of their fields as are used (https://protobuf.dev/programming-guides/encoding)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}

#: Most fields of a message.
_MOST: Final = 100_000

#: Values of a message by number of field: numbers, and bytes of texts and messages.
Values: TypeAlias = Mapping[int, list[int | bytes]]


def encode(values: Mapping[int, bytes | str | int]) -> bytes:
    """Return the message with these fields; an int is a varint."""
    return b"".join(_field(number, value) for number, value in values.items())


def _field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def decode(data: bytes) -> Values:
    """Return the fields of a message.

    :raises ValueError: it is none.
    """
    found: dict[int, list[int | bytes]] = {}
    at = 0
    for _ in range(_MOST):
        if at == len(data):
            return found
        tag, at = _number(data, at)
        kind = tag & 7
        value: int | bytes
        if kind == _VARINT:
            value, at = _number(data, at)
        else:
            size, at = _number(data, at) if kind == _BYTES else (_SIZES.get(kind, len(data)), at)
            value, at = data[at : at + size], at + size
            if at > len(data):
                raise ValueError("a field that does not end")
        found.setdefault(tag >> 3, []).append(value)
    raise ValueError("too many fields")


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise ValueError("a number that does not end")


def raw(values: Values, number: int) -> bytes:
    """Return the last value of a field; empty: it has none."""
    found = values.get(number, [b""])[-1]
    return found if isinstance(found, bytes) else b""


def text(values: Values, number: int) -> str:
    """Return the text of a field; empty: it has none."""
    return raw(values, number).decode(errors="replace")


def number(values: Values, field: int) -> int:
    """Return the number of a field; 0: it has none."""
    found = values.get(field, [0])[-1]
    return found if isinstance(found, int) else 0


def message(values: Values, number: int) -> Values:
    """Return the message in a field; an empty one: it has none."""
    return decode(raw(values, number))


def messages(values: Values, number: int) -> list[Values]:
    """Return the messages in a field that may stand several times."""
    return [decode(one) for one in values.get(number, []) if isinstance(one, bytes)]


def texts(values: Values, number: int) -> dict[str, str]:
    """Return a map from texts to texts."""
    return {text(one, 1): text(one, 2) for one in messages(values, number)}

"""Decodes the bytes of a record: strictly as JSON, but tolerating invalid Unicode and huge numbers.

Attackers choose much of a log's content. Invalid UTF-8 or half a surrogate pair in a user agent must not hide an event,
so both become U+FFFD; numbers too large for a float become infinite.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from falcohost.jsonlog.log import Record
from falcohost.jsonlog.refusals import NOT_AN_OBJECT, NOT_JSON, TOO_DEEP, Refused

#: What msgspec raises for invalid JSON and for invalid Unicode.
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError)

_decode = msgspec.json.Decoder().decode

#: An escape in a JSON string: a surrogate pair, half of one, or any other.
_ESCAPE = re.compile(r"\\(?:(u[dD][89abAB]..\\u[dD][c-fC-F]..)|(u[dD][89a-fA-F]..)|.)", re.DOTALL)

#: Most digits of an integer; Python refuses longer ones.
_DIGITS = 4000


def whole_record(raw: bytes) -> Record:
    """Decode *raw*, a whole record.

    :raises Refused: it is not a JSON object.
    """
    try:
        value = _value(raw)
    except RecursionError:
        raise Refused(TOO_DEEP) from None
    if not isinstance(value, dict):
        raise Refused(NOT_AN_OBJECT)
    return value


def mended(raw: bytes) -> bytes:
    """Return *raw* with U+FFFD in place of invalid UTF-8 and halves of surrogate pairs."""
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    return _ESCAPE.sub(lambda match: "\\ufffd" if match[2] else match[0], text).encode()


def _value(raw: bytes) -> Any:
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        return _with_any_number(raw)
    except MALFORMED:
        pass
    raw = mended(raw)
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        return _with_any_number(raw)
    except MALFORMED:
        raise Refused(NOT_JSON) from None


def _with_any_number(raw: bytes) -> Any:
    """Decode JSON that msgspec refuses because a number is too large."""
    try:
        return json.loads(mended(raw), parse_int=_integer, parse_constant=_no_constant)
    except ValueError:
        raise Refused(NOT_JSON) from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

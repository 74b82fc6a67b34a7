"""Decodes the bytes of a record: strictly as JSON, but tolerating what loggers often get wrong.

Attackers choose much of a log's content. A user agent that is badly written to the log must not hide an event. So
invalid UTF-8 and half a surrogate pair become U+FFFD, control characters and unknown escapes are kept, numbers too
large for a float become infinite, and NaN becomes null.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from falcohost.jsonlog.log import Record
from falcohost.jsonlog.refusals import NOT_AN_OBJECT, NOT_JSON, TOO_DEEP, Refused

#: What msgspec raises for invalid JSON and for invalid Unicode.
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError)

_decode = msgspec.json.Decoder().decode

#: An escape in a JSON string: a valid one (or pair of surrogates), half a pair, a byte as nginx writes it, or another.
_ESCAPE = re.compile(
    r"""\\(?:
    (?P<good>["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})
    |(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})
    |x(?P<byte>[0-9a-fA-F]{2})
    |)""",
    re.VERBOSE,
)

_CONSTANTS = {"NaN": None, "Infinity": math.inf, "-Infinity": -math.inf}

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
    """Return *raw* with U+FFFD in place of invalid UTF-8 and halves of surrogate pairs, and with valid escapes."""
    return _ESCAPE.sub(_mended_escape, raw.decode("utf-8", "replace").removeprefix("\ufeff")).encode()


def _mended_escape(match: re.Match[str]) -> str:
    if match["good"] is not None:
        return match[0]
    if match["half"] is not None:
        return "\\ufffd"
    return f"\\u00{match['byte']}" if match["byte"] is not None else "\\\\"


def _value(raw: bytes) -> Any:
    try:
        return _decode(raw)
    except MALFORMED:
        raw = mended(raw)
    try:
        return _decode(raw)
    except MALFORMED:
        return _lenient(raw)


def _lenient(raw: bytes) -> Any:
    """Decode what msgspec refuses: large numbers, NaN, control characters."""
    try:
        return json.loads(raw, strict=False, parse_int=_integer, parse_constant=_CONSTANTS.__getitem__)
    except ValueError:
        raise Refused(NOT_JSON) from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)

"""Parses times in logs to nanoseconds since the epoch: RFC 3339 with all digits, and numbers since the epoch."""

from __future__ import annotations

import datetime
import functools
import re
from decimal import Decimal
from typing import Any

SECOND = 1_000_000_000

_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?: ?([Zz]|UTC)|([+-])(\d\d):?(\d\d))?", re.ASCII
)
_EPOCH = datetime.date(1970, 1, 1).toordinal()

#: The range of a signed 64-bit number of nanoseconds: the years 1677 to 2262.
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1

#: Numbers below each limit are seconds, milliseconds, microseconds; larger ones are nanoseconds.
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))


def parse_time(value: Any) -> int | None:
    """Return *value* as a time, or None if it is not one.

    A string is RFC 3339; without a zone it is UTC, and a blank may replace the ``T``. A number (also as a string)
    counts seconds, milliseconds, microseconds or nanoseconds since the epoch, depending on its size.
    """
    if isinstance(value, str):
        if len(value) == _MICROSECONDS and value[19] == "." and value[26] == "Z" and value.isascii():
            minute, second, digits = _minute(value[:17]), _SECONDS.get(value[17:19]), value[20:26]
            if minute is not None and second is not None and digits.isdigit():
                return minute + second + int(digits) * 1000
        elif value[-1:] == "Z" and (ts := _usual_time(value)) is not None:
            return ts
        match = _TEXT.fullmatch(value)
        return _text_time(match) if match is not None else _number_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number_time(value)
    return None


def _usual_time(text: str) -> int | None:
    """Return the time of a string in the usual form in UTC; None if it needs the general parser."""
    if len(text) == _WHOLE_SECOND:
        fraction = 0
    elif len(text) > _WHOLE_SECOND and text[19] == "." and text.isascii() and (digits := text[20:-1]).isdigit():
        fraction = int(digits[:9].ljust(9, "0"))
    else:
        return None
    minute = _minute(text[:17])
    second = _SECONDS.get(text[17:19])
    if minute is None or second is None:
        return None
    return minute + second + fraction


#: Length of a time in the usual form without a fraction.
_WHOLE_SECOND = len("2026-11-27T12:00:00Z")

#: And of one with microseconds, as Kubernetes writes it.
_MICROSECONDS = len("2026-11-27T12:00:00.000000Z")

#: The seconds of a minute, in nanoseconds; the last is a leap second.
_SECONDS = {f"{number:02}": number * SECOND for number in range(61)}


# Many records have the same minute.
@functools.lru_cache(maxsize=1024)
def _minute(text: str) -> int | None:
    """Return the time of *text*, which ends before the seconds of a minute; None: it is none, or one of the last."""
    match = _TEXT.fullmatch(text + "00")
    ts = None if match is None else _text_time(match)
    return None if ts is None or _bounded(ts + 62 * SECOND) is None else ts


def _text_time(match: re.Match[str]) -> int | None:
    date, hour, minute, second, fraction, _, sign, off_hours, off_minutes = match.groups()
    days = _days(date)
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if days is None or hours > 23 or minutes > 59 or seconds > 60:
        return None
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if sign is not None:
        offset = int(off_hours) * 3600 + int(off_minutes) * 60
        total += offset if sign == "-" else -offset
    return _bounded(total * SECOND + (int(fraction[:9].ljust(9, "0")) if fraction else 0))


@functools.lru_cache(maxsize=64)
def _days(date: str) -> int | None:
    try:
        return datetime.date.fromisoformat(date).toordinal() - _EPOCH
    except ValueError:
        return None


def _number_text(text: str) -> int | None:
    if not re.fullmatch(r"\d{1,20}(\.\d{1,20})?", text, re.ASCII):
        return None
    return _number_time(Decimal(text))


def _number_time(number: float | Decimal) -> int | None:
    if not 0 < number < 10**20:
        return None
    scale = next((scale for limit, scale in _UNITS if number < limit), 1)
    # repr() keeps the digits that were written; multiplying the float would not.
    return _bounded(int(Decimal(repr(number) if isinstance(number, float) else number) * scale))


def _bounded(ts: int) -> int | None:
    return ts if _LEAST <= ts <= _MOST else None

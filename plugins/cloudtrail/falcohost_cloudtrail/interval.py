"""``s3Interval``, as Falco's plugin has it: from when on, and until when, objects of a bucket are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from falcohost import ConfigError

_POINT = r"\d+[wdhms]|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_INTERVAL = re.compile(rf"\s*({_POINT})\s*(?:-\s*({_POINT})\s*)?")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@dataclass(frozen=True, slots=True)
class Interval:
    """From *start* until *end*, both included; None: for ever."""

    start: datetime | None = None
    end: datetime | None = None


def read_interval(text: str, now: datetime) -> Interval:
    """Return the interval that *text* says at the time *now*: ``5d``, ``5d-2d``, ``2026-11-25T00:00:00Z-6h``.

    :raises ConfigError: it says none.
    """
    if not text.strip():
        return Interval()
    found = _INTERVAL.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        start = _point(found[1], now)
        end = _point(found[2], now) if found[2] else None
    except (ValueError, OverflowError):
        raise ConfigError(
            f"plugin 'cloudtrail': s3Interval has to be a time to now, or one to another, and is {text!r}; "
            "a time is 5d (w, d, h, m or s) before now, or 2026-11-25T00:00:00Z"
        ) from None
    if end is not None and end < start:
        raise ConfigError(f"plugin 'cloudtrail': s3Interval {text!r} ends before it begins")
    return Interval(start, end)


def _point(text: str, now: datetime) -> datetime:
    if text.endswith("Z"):
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})

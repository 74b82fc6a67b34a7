"""Parses ``s3Interval`` of Falco's plugin: the time range of the objects to read."""

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
    """The time from *start* to *end*, both included; None: unlimited."""

    start: datetime | None = None
    end: datetime | None = None


def read_interval(text: str, now: datetime) -> Interval:
    """Return the interval in *text*, relative to *now*: ``5d``, ``5d-2d``, ``2026-11-25T00:00:00Z-6h``.

    :raises ConfigError: *text* is not an interval.
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
            f"plugin 'cloudtrail': s3Interval {text!r} is not valid; use START or START-END, where each is an age (5d; "
            "units w, d, h, m, s) or a time (2026-11-25T00:00:00Z)"
        ) from None
    if end is not None and end < start:
        raise ConfigError(f"plugin 'cloudtrail': s3Interval {text!r} ends before it begins")
    return Interval(start, end)


def _point(text: str, now: datetime) -> datetime:
    if text.endswith("Z"):
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})

"""Times in text logs: RFC 3339, seconds since the epoch, access logs, and syslog's times without year and zone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from falcohost.jsonlog import parse_time

SECOND = 1_000_000_000

#: How far a time without year may be in the future; beyond it, it is last year's.
_AHEAD = timedelta(days=1)

#: Years to go back for a 29 February.
_YEARS = 8

_MONTHS = {month: number for number, month in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
)}  # fmt: skip

_SYSLOG = re.compile(
    r"([A-Za-z]{3}) {1,2}(\d{1,2})(?: (\d{4}))? (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?: (\d{4}))?", re.ASCII
)
_ACCESS = re.compile(r"(\d\d)/([A-Za-z]{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?", re.ASCII)


def read_time(value: str, zone: tzinfo | None, now: int) -> int | None:
    """Return the time that *value* states, in nanoseconds since the epoch; None if it states none.

    A time without zone is in *zone*; None: that of this machine. One without year is the last such time up to a day
    after *now*.
    """
    if (match := _SYSLOG.fullmatch(value)) is not None:
        return _syslog(match, zone, now)
    if (match := _ACCESS.fullmatch(value)) is not None:
        return _access(match)
    if _LOCAL.fullmatch(value) is not None:
        utc = parse_time(value)
        return None if utc is None else _in_zone(utc, zone)
    return parse_time(value)


def _syslog(match: re.Match[str], zone: tzinfo | None, now: int) -> int | None:
    month, day, year, hour, minute, second, fraction, last_year = match.groups()
    given = year or last_year
    latest = datetime.fromtimestamp(now / SECOND, zone).replace(tzinfo=None) + _AHEAD
    years = [int(given)] if given else range(latest.year, latest.year - _YEARS, -1)
    for one in years:
        try:
            at = datetime(one, _MONTHS.get(month.lower(), 0), int(day), int(hour), int(minute), int(second))
        except ValueError:
            continue
        if given or at <= latest:
            return _bounded(_stamp(at, zone) + (int(fraction.ljust(9, "0")) if fraction else 0))
    return None


def _access(match: re.Match[str]) -> int | None:
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    number = _MONTHS.get(month.lower(), 0)
    return parse_time(f"{year}-{number:02}-{day}T{hour}:{minute}:{second}{sign}{hours}:{minutes}")


def _in_zone(utc: int, zone: tzinfo | None) -> int:
    """Return the time at which clocks in *zone* show what clocks in UTC show at *utc*."""
    return _stamp(datetime(1970, 1, 1) + timedelta(seconds=utc // SECOND), zone) + utc % SECOND


def _bounded(ts: int) -> int | None:
    """Return *ts* if a signed number of 64 bits holds it."""
    return ts if -(1 << 63) <= ts < 1 << 63 else None


def _stamp(at: datetime, zone: tzinfo | None) -> int:
    return int(at.replace(tzinfo=zone).timestamp()) * SECOND

"""Formats times as Falco does. All times are nanoseconds since the epoch."""

from __future__ import annotations

import functools
import time

SECOND = 1_000_000_000


def local_time(ts: int, *, date: bool = False, fraction: bool = True) -> str:
    """Return ``HH:MM:SS.nnnnnnnnn`` in local time; with *date*, preceded by ``YYYY-MM-DD``.

    As in Falco, the UTC offset is the current one, not that of the event's date.
    """
    seconds, nanoseconds = divmod(ts, SECOND)
    form = "%Y-%m-%d %H:%M:" if date else "%H:%M:"
    seconds += _offset(int(time.time()), time.timezone)
    minute, second = divmod(seconds, 60)
    begin = _minute(form, minute)
    text = begin + _TWO_DIGITS[second] if begin else _calendar(form, seconds)
    return f"{text}.{nanoseconds:09}" if fraction else text


def local_second(seconds: int) -> str:
    """Return ``HH:MM:SS`` in local time, as :func:`local_time` has it."""
    seconds += _offset(int(time.time()), time.timezone)
    minute, second = divmod(seconds, 60)
    begin = _minute("%H:%M:", minute)
    return begin + _TWO_DIGITS[second] if begin else _calendar("%H:%M:", seconds)


def utc_time(ts: int) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS.nnnnnnnnn`` in UTC, without a zone."""
    seconds, nanoseconds = divmod(ts, SECOND)
    return f"{_formatted('%Y-%m-%dT%H:%M:', seconds)}.{nanoseconds:09}"


def iso8601(ts: int) -> str:
    """Return the value of ``evt.time.iso8601``: ``YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000``."""
    return utc_time(ts) + "+0000"


def rfc3339(ts: int) -> str:
    """Return the ``time`` of an alert in JSON: ``YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ``."""
    return utc_time(ts) + "Z"


@functools.lru_cache(maxsize=1)
def _offset(now: int, zone: int) -> int:
    """Return the UTC offset of local time at *now* in seconds, as long as *zone* (``time.timezone``) is the same."""
    return time.localtime(now).tm_gmtoff


def _formatted(form: str, seconds: int) -> str:
    """Return *seconds* in the *form* of strftime(3), followed by the seconds of the minute."""
    minute, second = divmod(seconds, 60)
    begin = _minute(form, minute)
    return f"{begin}{_TWO_DIGITS[second]}" if begin else _calendar(form, seconds)


@functools.lru_cache(maxsize=256)  # there are many alerts in a minute
def _minute(form: str, minute: int) -> str:
    """Return what stands before the seconds; empty if *minute* is outside of the calendar, or has leap seconds."""
    try:
        parts = time.gmtime(60 * minute)
        return "" if parts.tm_sec else time.strftime(form, parts)
    except (OverflowError, ValueError, OSError):
        return ""


def _calendar(form: str, seconds: int) -> str:
    form += "%S"
    try:
        return time.strftime(form, time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        # A source may pass on any number; one outside of the calendar is shown as the epoch.
        return time.strftime(form, time.gmtime(0))


_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))

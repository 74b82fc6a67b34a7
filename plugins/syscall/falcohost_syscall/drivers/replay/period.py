"""The part of a capture that is replayed, from one moment to another, and how many seconds of it have passed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, NamedTuple

_UNITS: Final = {"": 1_000_000_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
_SECOND: Final = 1_000_000_000
_OFFSET: Final = re.compile(r"\+(\d{1,12})(?:\.(\d{1,9}))?(ms|s|m|h|)", re.ASCII)


class Moment(NamedTuple):
    """A time in nanoseconds: since the epoch, or since the first event."""

    ns: int
    since_first: bool

    def within(self, first: int) -> int:
        """Return it in nanoseconds since the epoch; *first* is the time of the first event."""
        return self.ns + first if self.since_first else self.ns


def moment(text: str) -> Moment | None:
    """Return the moment that *text* names, a time as in ISO 8601 or ``+90s`` after the first event, or None."""
    if found := _OFFSET.fullmatch(text):
        whole, part, unit = found[1], (found[2] or "").ljust(9, "0"), _UNITS[found[3]]
        return Moment(int(whole) * unit + int(part) * unit // 1_000_000_000, since_first=True)
    try:
        at = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return None
    return Moment(int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000, since_first=False)


class Period(NamedTuple):
    """The part from *begin* to *end*; None: from the begin or to the end of the capture."""

    begin: Moment | None = None
    end: Moment | None = None


class Seconds:
    """Counts the seconds of a capture, as Falco does: one has passed where an event is later than that.

    :ivar passed: how many have passed.
    """

    def __init__(self) -> None:
        self.passed = 0
        self._end = 0

    def see(self, ts: int) -> None:
        """Note the time of an event."""
        if not self._end:
            self._end = ts + _SECOND
        elif ts > self._end:
            self._end = ts + _SECOND
            self.passed += 1

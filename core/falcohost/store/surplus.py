"""Finds the alerts in a store that exceed its limits, at intervals."""

from __future__ import annotations

import sqlite3

from falcohost.clock import Clock
from falcohost.store.database import one
from falcohost.store.limits import Limits

#: Seconds, and number of alerts, after which age and size are checked again.
PAUSE = 60.0
PAUSE_ALERTS = 20_000

#: Metadata in use are written again after each check. Metadata written this many alerts ago are not used any more.
MOST_LATER = 10 * PAUSE_ALERTS

#: How full a file is after deleting.
_LEFT = 0.9

_DAY = 86_400


class Surplus:
    """Finds alerts beyond *limits*."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._look_at = 0.0
        self._look_last = 0

    def due(self, last: int) -> bool:
        """Return whether it is time to check again; *last* is the number of the last alert."""
        now = self._clock.monotonic()
        if now < self._look_at and last < self._look_last:
            return False
        self._look_at = now + PAUSE
        self._look_last = last + PAUSE_ALERTS
        return True

    def find(self, connection: sqlite3.Connection, last: int) -> tuple[int, int]:
        """Return the number of the first stored alert, and that of the last one beyond the limits."""
        first = one(connection, "SELECT coalesce(min(seq), 0) FROM alerts")
        oldest = self._clock.time_ns() // 1_000_000_000 - self._limits.days * _DAY
        young = f"SELECT seq FROM alerts WHERE stored >= {oldest} ORDER BY seq LIMIT 1"
        until = one(connection, f"SELECT coalesce(({young}), {last + 1})") - 1
        pages = one(connection, "PRAGMA page_count") - one(connection, "PRAGMA freelist_count")
        used, most = pages * one(connection, "PRAGMA page_size"), self._limits.megabytes << 20
        if used > most:
            until = max(until, first + int((last - first) * (1 - _LEFT * most / used)))
        return first, until

"""Which of the alerts in a store are more than is kept."""

from __future__ import annotations

import sqlite3
import time

from falcohost.store.database import one
from falcohost.store.limits import Limits

#: How full a file is left that was too full.
_LEFT = 0.9

_DAY = 86_400


def surplus(connection: sqlite3.Connection, limits: Limits, last: int) -> tuple[int, int]:
    """Return the numbers of the first alert that there is, and of the *last* one that is too old or too much."""
    first = one(connection, "SELECT coalesce(min(seq), 0) FROM alerts")
    oldest = int(time.time() - limits.days * _DAY)
    young = f"SELECT seq FROM alerts WHERE stored >= {oldest} ORDER BY seq LIMIT 1"
    until = one(connection, f"SELECT coalesce(({young}), {last + 1})") - 1
    pages = one(connection, "PRAGMA page_count") - one(connection, "PRAGMA freelist_count")
    used, most = pages * one(connection, "PRAGMA page_size"), limits.megabytes << 20
    if used > most:
        until = max(until, first + int((last - first) * (1 - _LEFT * most / used)))
    return first, until

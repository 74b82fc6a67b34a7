"""Reads the file of a store again and again, a slice at a time, so that damage is noticed before anybody needs it.

A connection of its own does it, which remembers nothing of what it has read before: the one that writes has in memory
what is used often. Free pages are looked at in small files only; elsewhere damage to their list is noticed when one is
used.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from falcohost.clock import Clock
from falcohost.store.database import one
from falcohost.store.packs import check, packs
from falcohost.store.uri import uri

#: Seconds between two slices.
PAUSE: Final = 5.0

#: Bytes of a file that is checked whole, and of a slice of a larger one; and as how many slices that is read at most.
WHOLE: Final = 4 << 20
SLICE: Final = 1 << 20
SLICES: Final = 128

#: Tables that are small also in large files.
_TABLES: Final = ("cursors", "subscribers", "metadata", "age", "parked", "verdicts", "silences", "held")

_IDS: Final = "SELECT id FROM ids WHERE id > ? ORDER BY id"

#: Bytes of a row beside its content, about.
_ID: Final = 64


class Scrub:
    """Reads the file at *path*; None: there is none."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._next = 0.0
        self._seq = 0
        self._id = b""

    def look(self) -> None:
        """Read the next slice, if it is time for that.

        :raises sqlite3.DatabaseError: it is damaged, or cannot be read.
        """
        now = self._clock.monotonic()
        if self._path is None or now < self._next:
            return
        self._next = now + PAUSE
        location = uri(self._path, "ro")
        with contextlib.closing(sqlite3.connect(location, uri=True, isolation_level=None, timeout=0)) as connection:
            connection.execute("PRAGMA cache_size = -512")
            size = one(connection, "PRAGMA page_count") * one(connection, "PRAGMA page_size")
            if size <= WHOLE:
                _check(connection, "PRAGMA quick_check(1)")
                self._seq = _read_alerts(connection, self._seq, SLICE)
            else:
                self._look_further(connection, max(SLICE, size // SLICES))

    def _look_further(self, connection: sqlite3.Connection, size: int) -> None:
        """Read about *size* bytes of alerts and a part of their ids; where all were read, the other tables."""
        self._seq = _read_alerts(connection, self._seq, size)
        if self._seq == 0:
            for table in _TABLES:
                _check(connection, f"PRAGMA quick_check({table})")
        self._id = _read_ids(connection, self._id, size // 4)


def _read_alerts(connection: sqlite3.Connection, after: int, size: int) -> int:
    """Read alerts after number *after*, of about *size* bytes; return the number of the last one, or 0: of all."""
    for pack in packs(connection, after):
        check(pack.bodies)
        size -= sum([len(body) for _, body in pack.bodies])
        if size <= 0:
            return pack.last
    return 0


def _read_ids(connection: sqlite3.Connection, after: bytes, size: int) -> bytes:
    """Read ids after *after*, of about *size* bytes; return the last one, or an empty one: there are no more."""
    for (id,) in connection.execute(_IDS, (after,)):
        size -= len(id) + _ID
        if size <= 0:
            return bytes(id)
    return b""


def _check(connection: sqlite3.Connection, check: str) -> None:
    """Raise what a check finds, as SQLite does it where it comes upon damage."""
    for (text,) in connection.execute(check):
        if text != "ok":
            error = sqlite3.DatabaseError(text.replace("\n", " "))
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

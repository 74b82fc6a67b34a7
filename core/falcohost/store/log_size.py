"""How long the log of a store's file becomes: less, where the file system has little room.

What is in the log needs room in the file, too, before SQLite can begin the log anew. A log that has taken all there is
stays, and nothing can be written any more, not even what deletes alerts.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

#: Bytes of pages in the log from which on it is copied into the file. Ids are random, and so are the pages of their
#: table that a transaction changes. The more transactions there are between two copies, the fewer pages are copied.
LONGEST: Final = 16_384_000

#: The same where there is little room: this part of it, and no less than so many bytes.
_PART: Final = 4
_LEAST: Final = 256 << 10

#: Bytes of the log that stay when it is begun anew: it has more after transactions that were large, or while somebody
#: reads for long.
_KEPT: Final = 24 << 20

#: After so many transactions it is looked again while there is room.
_AGAIN: Final = 32


class LogSize:
    """Bounds the log of the database at *path*, which is open; None: it is in memory.

    :ivar size: how long it becomes, about.
    """

    def __init__(self, path: Path | None) -> None:
        self._name = None if path is None else str(path)
        self.size = LONGEST
        self._left = 0

    def renew(self) -> None:
        """Begin anew, since the file is another one."""
        self.size = LONGEST
        self._left = 0

    def look(self, connection: sqlite3.Connection) -> None:
        """Look whether there is room, and bound the log. Not inside a transaction."""
        self._left -= 1
        if self._left > 0 or self._name is None:
            return
        size = _size(self._name)
        self._left = _AGAIN if size == LONGEST else 0
        if abs(size - self.size) > self.size // _PART:
            self.size = size
            with contextlib.suppress(sqlite3.Error):  # what has failed is told when something is written
                _bound(connection, size)


def bound_log(connection: sqlite3.Connection, name: str | None) -> None:
    """Bound the log of the file called *name*, which *connection* has just opened; None: it is in memory."""
    _bound(connection, LONGEST if name is None else _size(name))


def _bound(connection: sqlite3.Connection, size: int) -> None:
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA wal_autocheckpoint = {size // page}")
    connection.execute(f"PRAGMA journal_size_limit = {_KEPT if size == LONGEST else size}")


def _size(name: str) -> int:
    """Return how long the log of the file called *name* may become.

    The file itself must not be opened for this: when that is closed, SQLite's locks are gone (fcntl(2)).
    """
    try:
        descriptor = os.open(f"{name}-wal", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return LONGEST  # there is none yet
    try:
        there = os.fstatvfs(descriptor)
        room = there.f_bavail * there.f_frsize + os.fstat(descriptor).st_size
    except OSError:
        return LONGEST
    finally:
        os.close(descriptor)
    return min(max(room // _PART, _LEAST), LONGEST)

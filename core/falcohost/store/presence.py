"""Whether the file of a store still has its name: it can be deleted, or another put in its place, while it is open."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

#: How the name of a copy ends that has not taken its place yet.
COPY: Final = ".copy"


class Presence:
    """Remembers which file has the name *path*; None: the store is in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.renew()

    def renew(self) -> None:
        """Take the file that has the name now for the store's."""
        self._there = self._identity()

    @property
    def is_lost(self) -> bool:
        """Return whether the file does not have its name any more, though its folder is there."""
        if self._path is None or self._there is None or self._identity() == self._there:
            return False
        try:
            return self._path.parent.stat().st_nlink > 0
        except OSError:
            return False

    def _identity(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            status = self._path.lstat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def write_again(connection: sqlite3.Connection, path: Path) -> None:
    """Write all that *connection* has to a new file called *path*, and close the connection.

    :raises sqlite3.Error: that is impossible now; the connection is as it was.
    :raises OSError: likewise.
    """
    copy = path.with_name(path.name + COPY)
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(copy),))
    except BaseException:
        with contextlib.suppress(OSError):
            copy.unlink()
        raise
    connection.close()  # which may delete the log of that name
    for ending in ("-wal", "-shm"):  # of the old file, or of what somebody has put in its place
        path.with_name(path.name + ending).unlink(missing_ok=True)
    copy.rename(path)

"""Room ahead in the log of a store's file, so that a transaction that waits for the disk is written into it.

A log that grows with each transaction makes the file system write its journal as often, which takes longer than the
data. SQLite begins the log anew after each copy into the file, and writes over what is there; it finds the end of what
counts by sums and salts (sqlite.org/fileformat2.html#walformat), so zeros behind that are nothing. The log is made as
long as it would grow anyway, a little with each transaction, once there were some that waited for the disk, and only
while the file system has room for many such logs: on one that is nearly full, outputs would have to do without it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

#: So many transactions have to have waited for the disk.
FIRST: Final = 16

#: Bytes that are added with one transaction, and after how many transactions it is looked whether the log is whole.
STEP: Final = 1 << 20
AGAIN: Final = 4096

#: There has to be room for so many logs.
PLENTY: Final = 32


class Ahead:
    """Makes the log of the database at *path* up to *size* bytes long; None: the database is in memory."""

    def __init__(self, path: Path | None, size: int) -> None:
        self._name = None if path is None else f"{path}-wal"
        self._size = size
        self._left = FIRST

    def renew(self) -> None:
        """Begin anew, since the file is another one."""
        self._left = FIRST

    def waited(self) -> None:
        """Take note that a transaction has waited for the disk, and add to the log if it is time."""
        self._left -= 1
        if self._left > 0 or self._name is None:
            return
        self._left = AGAIN
        with contextlib.suppress(OSError):  # it grows by itself, or there is no room for it
            descriptor = os.open(self._name, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if self._add(descriptor):
                    self._left = 1
            finally:
                os.close(descriptor)

    def _add(self, descriptor: int) -> bool:
        """Add to the log; return whether more is to be added.

        :raises OSError: there is no room.
        """
        end = os.fstat(descriptor).st_size
        if not 0 < end < self._size or not self._has_plenty(descriptor):
            return False
        more = min(STEP, self._size - end)
        try:
            written = os.pwrite(descriptor, bytes(more), end)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
        return end + written < self._size

    def _has_plenty(self, descriptor: int) -> bool:
        room = os.fstatvfs(descriptor)
        return room.f_bavail * room.f_frsize >= PLENTY * self._size

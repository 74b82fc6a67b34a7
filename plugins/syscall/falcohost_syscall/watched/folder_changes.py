"""Waits until an entry of some directories is created, replaced or removed, with inotify(7)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# linux/inotify.h
_IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE, _IN_ONLYDIR = 0x40, 0x80, 0x100, 0x200, 0x1000000
_ENTRIES: Final = _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_ONLYDIR
_BUFFER: Final = 65536


class FolderChanges:
    """A queue of changes in directories. If the kernel allows no more queues, waiting ends by its timeout only."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._poll = select.poll()
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._queue = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        for fd in (self._woken, self._queue):
            if fd >= 0:
                self._poll.register(fd, select.POLLIN)

    def watch(self, folders: Iterable[Path]) -> None:
        """Add these directories to the queue, as far as they exist."""
        for folder in folders:
            self._libc.inotify_add_watch(self._queue, bytes(folder), _ENTRIES)

    def wait(self, seconds: float) -> None:
        """Return after a change, after :meth:`wake`, or after *seconds*."""
        for fd, _ in self._poll.poll(1000 * seconds):
            with contextlib.suppress(BlockingIOError):
                os.read(fd, _BUFFER)

    def wake(self) -> None:
        """Make :meth:`wait` return; may be called from another thread."""
        os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        """Close the queue."""
        for fd in (self._woken, self._queue):
            if fd >= 0:
                os.close(fd)

"""Tells which directories have changed, and waits until entries with some names have, with inotify(7).

Folders such as ``/tmp`` change all the time; what happens to other names in them ends no waiting.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

# linux/inotify.h
_IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE, _IN_ONLYDIR = 0x40, 0x80, 0x100, 0x200, 0x1000000
_IN_IGNORED: Final = 0x8000
_ENTRIES: Final = _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_ONLYDIR
_BUFFER: Final = 65536
#: ``struct inotify_event``: the folder's number, what happened, a cookie, and the length of the name behind it.
_EVENT: Final = struct.Struct("=iIII")
#: With more bytes at once nobody looks which folders and names these are.
_READ: Final = 8192
#: The number of no folder, with which the kernel tells that it has left events out.
_OVERFLOW: Final = -1


class FolderChanges:
    """A queue of changes in directories. If the kernel allows no more queues, waiting ends by its timeout only.

    :param rest: seconds after changes of other names, before the next are read.
    :ivar names: the names whose changes end the waiting, by the number of the folder (:meth:`mark`).
    """

    def __init__(self, rest: float = 0.0) -> None:
        self._libc = ctypes.CDLL(None)
        self._poll = select.poll()
        self._rest = rest
        self.names: Mapping[int, AbstractSet[bytes]] = {}
        self._changed: set[int] = set()
        self._overflown = False
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._queue = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        for fd in (self._woken, self._queue):
            if fd >= 0:
                self._poll.register(fd, select.POLLIN)

    def mark(self, folder: bytes) -> int:
        """Have changes in *folder* told from now on; return its number, or a negative one if that cannot be.

        It is the same as before if the same directory is there, also for another path to it.
        """
        return int(self._libc.inotify_add_watch(self._queue, folder, _ENTRIES))

    def unmark(self, number: int) -> None:
        """Have changes in the folder with this *number* told no more."""
        self._libc.inotify_rm_watch(self._queue, number)

    def changed(self) -> AbstractSet[int] | None:
        """Return the numbers of folders that have changed since the last call; None: nobody knows which."""
        self._concerns(self._read(self._queue))
        changed, overflown = self._changed, self._overflown
        self._changed, self._overflown = set(), False
        return None if overflown else changed

    def wait(self, seconds: float) -> None:
        """Return after a change of one of the names, after :meth:`wake`, or after *seconds*."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready = self._poll.poll(1000 * left)
            data = {fd: self._read(fd) for fd, _ in ready}
            concerns = self._concerns(data.get(self._queue, b""))
            if concerns or self._woken in data:
                return
            if data and self._rest:
                time.sleep(min(self._rest, max(0.0, end - time.monotonic())))

    def _read(self, fd: int) -> bytes:
        if fd >= 0:
            with contextlib.suppress(BlockingIOError):
                return os.read(fd, _BUFFER)
        return b""

    def _concerns(self, events: bytes) -> bool:
        """Take note of these *events*; return whether some of them may be about one of the names."""
        if len(events) > _READ:
            return self._overflow()
        found, names = False, self.names
        for number, what, name in _parsed(events):
            if number == _OVERFLOW:
                return self._overflow()
            self._changed.add(number)
            if not found:
                those = names.get(number)
                found = not what & _IN_IGNORED if those is None else not what & _ENTRIES or name in those
        return found

    def _overflow(self) -> bool:
        """Take note that anything may have changed, so that the rest of the queue is not needed."""
        while self._read(self._queue):
            pass
        self._overflown = True
        return True

    def wake(self) -> None:
        """Make :meth:`wait` return; may be called from another thread."""
        os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        """Close the queue."""
        for fd in (self._woken, self._queue):
            if fd >= 0:
                os.close(fd)


def _parsed(events: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the folder's number, what happened, and to which name; an overflow of the queue has neither."""
    place, end = 0, len(events) - _EVENT.size
    while place <= end:
        number, what, _, length = _EVENT.unpack_from(events, place)
        place += _EVENT.size + length
        yield number, what, events[place - length : place].rstrip(b"\0")

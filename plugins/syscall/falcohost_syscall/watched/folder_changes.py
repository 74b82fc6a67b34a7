"""Waits until an entry with one of some names is created, replaced or removed in directories, with inotify(7).

Folders such as ``/tmp`` change all the time; what happens to other names in them ends no waiting.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

# linux/inotify.h
_IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE, _IN_ONLYDIR = 0x40, 0x80, 0x100, 0x200, 0x1000000
_ENTRIES: Final = _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_ONLYDIR
_BUFFER: Final = 65536
#: ``struct inotify_event``: the folder's number, what happened, a cookie, and the length of the name behind it.
_EVENT: Final = struct.Struct("=iIII")
#: With more bytes at once nobody looks which names these are.
_READ: Final = 8192
#: As many as the kernel follows (MAXSYMLINKS).
_MOST_LINKS: Final = 40


class FolderChanges:
    """A queue of changes in directories. If the kernel allows no more queues, waiting ends by its timeout only.

    :param rest: seconds after changes of other names, before the next are read.
    """

    def __init__(self, rest: float = 0.0) -> None:
        self._libc = ctypes.CDLL(None)
        self._poll = select.poll()
        self._rest = rest
        self._names: dict[int, AbstractSet[bytes]] = {}
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._queue = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        for fd in (self._woken, self._queue):
            if fd >= 0:
                self._poll.register(fd, select.POLLIN)

    def watch(self, names: Mapping[Path, AbstractSet[bytes]]) -> None:
        """Wait for changes of these *names* by their directories, as far as these exist, and for no others."""
        found: dict[int, AbstractSet[bytes]] = {}
        for folder, those in names.items():
            number = self._libc.inotify_add_watch(self._queue, bytes(folder), _ENTRIES)
            if number >= 0:  # that of another path to the same directory, too
                found[number] = found[number] | those if number in found else those
        self._names = found

    def wait(self, seconds: float) -> None:
        """Return after a change, after :meth:`wake`, or after *seconds*."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready = self._poll.poll(1000 * left)
            data = dict.fromkeys((fd for fd, _ in ready), b"")
            for fd in data:
                with contextlib.suppress(BlockingIOError):
                    data[fd] = os.read(fd, _BUFFER)
            if self._woken in data or self._concerns(data.get(self._queue, b"")):
                return
            if data and self._rest:
                time.sleep(min(self._rest, max(0.0, end - time.monotonic())))

    def _concerns(self, events: bytes) -> bool:
        """Return whether some of these *events* may be about one of the names."""
        if len(events) > _READ:
            return True
        return any(
            not what & _ENTRIES or (names := self._names.get(number)) is None or name in names
            for number, what, name in _parsed(events)
        )

    def wake(self) -> None:
        """Make :meth:`wait` return; may be called from another thread."""
        os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        """Close the queue."""
        for fd in (self._woken, self._queue):
            if fd >= 0:
                os.close(fd)


def names_of(paths: Iterable[Path]) -> dict[Path, frozenset[bytes]]:
    """Return the names on which it depends where *paths* lead, by the folders in which some of them are."""
    ways = [way for path in paths for way in _ways(path)]
    found: dict[Path, set[bytes]] = {way.parent: set() for way in ways}
    for way in ways:
        for one in (way, *way.parents):
            if one.parent in found:
                found[one.parent].add(os.fsencode(one.name))
    return {folder: frozenset(names) for folder, names in found.items()}


def _ways(path: Path) -> Iterator[Path]:
    """Yield *path*, and where it leads as a symbolic link, one after the other."""
    yield path
    for _ in range(_MOST_LINKS):
        try:
            target = path.readlink()
        except OSError:
            return
        path = Path(os.path.normpath(path.parent / target))
        yield path


def _parsed(events: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the folder's number, what happened, and to which name; an overflow of the queue has neither."""
    place = 0
    while place + _EVENT.size <= len(events):
        number, what, _, length = _EVENT.unpack_from(events, place)
        place += _EVENT.size + length
        yield number, what, events[place - length : place].rstrip(b"\0")

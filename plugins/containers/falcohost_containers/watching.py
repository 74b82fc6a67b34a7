"""Notices that a container is made, before it starts, or gone, by what its runtime has in folders (inotify(7))."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from falcohost.regular import is_there

# linux/inotify.h
_IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE = 0x40, 0x80, 0x100, 0x200
_IN_Q_OVERFLOW, _IN_IGNORED, _IN_ONLYDIR, _IN_MASK_ADD = 0x4000, 0x8000, 0x1000000, 0x20000000
_COMES: Final = _IN_MOVED_TO | _IN_CREATE
_GOES: Final = _IN_MOVED_FROM | _IN_DELETE
_EVENT: Final = struct.Struct("iIII")
_BUFFER: Final = 1 << 16

#: Most buffers that are read at a time.
_MOST: Final = 16


class Folders:
    """Waits for new entries of folders."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._queue: int = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._folders: dict[int, tuple[Path, bool]] = {}

    def fileno(self) -> int:
        """Return the descriptor that can be read when there are new entries; -1: the kernel allows no more queues."""
        return self._queue

    def watch(self, folder: Path, *, ends: bool = False) -> bool | None:
        """Watch *folder*, with *ends* also what goes; return whether it was not watched before; None: it is gone."""
        mask = _COMES | _IN_ONLYDIR | _IN_MASK_ADD | (_GOES if ends else 0)
        number = self._libc.inotify_add_watch(self._queue, bytes(folder), mask)
        if number < 0:
            return None
        known, had_ends = self._folders.get(number, (folder, None))
        is_new = known != folder or had_ends is None or ends > had_ends
        self._folders[number] = folder, ends or (known == folder and bool(had_ends))
        return is_new

    def wait_for(self, folder: Path) -> None:
        """Watch the innermost folder above *folder* that there is, so that there is something to read when it comes."""
        before = None
        while (there := next(filter(is_there, _above(folder)), None)) not in (None, before):
            before = there
            self.watch(there)  # the next one may have come before this was watched

    def read(self, tell: Callable[[Path, bool], None]) -> bool:
        """Call *tell* with the path of each entry and whether it came or went; return whether some were lost."""
        lost = False
        for _ in range(_MOST):
            try:
                lost = self._told(os.read(self._queue, _BUFFER), tell) or lost
            except BlockingIOError:
                break
        return lost

    def _told(self, data: bytes, tell: Callable[[Path, bool], None]) -> bool:
        lost, at = False, 0
        while at < len(data):
            number, mask, _, size = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + size].rstrip(b"\0")
            at += _EVENT.size + size
            lost = lost or bool(mask & _IN_Q_OVERFLOW)
            if mask & _IN_IGNORED:
                self._folders.pop(number, None)
            elif (watched := self._folders.get(number)) is not None and name:
                tell(watched[0] / os.fsdecode(name), bool(mask & _COMES))
        return lost

    def close(self) -> None:
        """Close the queue."""
        if self._queue >= 0:
            os.close(self._queue)


@lru_cache(maxsize=64)
def _above(folder: Path) -> Sequence[Path]:
    """Return the folders above *folder*, the innermost first."""
    return tuple(folder.parents)

"""Finds cgroups of version 2 by the number that the kernel tells, which is the inode of their folder.

So the cgroup of a program is known that has ended before ``/proc`` is read, and one that has gone on to another cgroup
by then is not taken for one of that.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Where they are, and what is there if it is the hierarchy of version 2 and no other.
FOLDER: Final = Path("/sys/fs/cgroup")
_MARK: Final = "cgroup.controllers"
#: Before Linux 5.5, a generation stands in front of the inode's 32 bits.
_INODE: Final = 0xFFFF_FFFF
#: Most folders that are known, and bytes of a path: who may make cgroups could make many. Those further up come first.
MOST: Final = 10_000
LONGEST: Final = 1024
#: Looking for them may take this part of the time.
_SHARE: Final = 10


class Cgroups:
    """The cgroups below *folder*, which is where the kernel's hierarchy is mounted."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._is_whole = (folder / _MARK).exists()
        self._paths: dict[int, str] = {}
        self._not_before = 0.0

    def path(self, number: int) -> str | None:
        """Return the path of a cgroup; None: it is gone, or not known."""
        if not self._is_whole or not number:
            return None
        found = self._known(number)
        if found is None and (now := time.monotonic()) >= self._not_before:
            self._paths = dict(self._all())
            self._not_before = time.monotonic() + _SHARE * (time.monotonic() - now)
            found = self._known(number)
        return found

    def _known(self, number: int) -> str | None:
        for one in (number, number & _INODE):
            path = self._paths.get(one)
            if path is not None:
                with contextlib.suppress(OSError):
                    if os.stat(f"{self._folder}{path}").st_ino == one:  # noqa: PTH116 (a Path costs more than the call)
                        return path or "/"
        return None

    def _all(self) -> Iterator[tuple[int, str]]:
        waiting = deque([""])
        for _ in range(MOST):
            if not waiting:
                return
            path = waiting.popleft()
            with contextlib.suppress(OSError):
                yield os.stat(f"{self._folder}{path}").st_ino, path  # noqa: PTH116
                if len(waiting) >= MOST:
                    continue
                with os.scandir(f"{self._folder}{path}") as entries:
                    below = (f"{path}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False))
                    waiting.extend(one for one in below if len(one) <= LONGEST)

"""Reaps processes that others have started: process 1 of a container inherits orphans (pid_namespaces(7))."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from falcohost.clock import SYSTEM, Clock
from falcohost.host.forked import own_children

#: Seconds between two looks.
LOOK = 2.0


class Orphans:
    """Reaps what has ended between the last look but one and the last, so that whoever started it may come first.

    :param inherits: this process inherits orphans.
    """

    def __init__(self, *, inherits: bool | None = None, clock: Clock = SYSTEM) -> None:
        self._inherits = os.getpid() == 1 if inherits is None else inherits
        self._clock = clock
        self._due = 0.0
        self._ended: set[int] = set()

    def reap(self) -> None:
        """Look, unless the last look was less than :data:`LOOK` seconds ago."""
        now = self._clock.monotonic()
        if not self._inherits or now < self._due:
            return
        self._due = now + LOOK
        ended = {pid for pid in _children() - own_children() if _is_zombie(pid)}
        for pid in ended & self._ended:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._ended = ended


def _children() -> set[int]:
    """Return the children of all threads of this process."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found.update(map(int, (thread / "children").read_text().split()))
    return found


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False

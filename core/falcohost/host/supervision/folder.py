"""Notices that the state folder is gone from its place, or another is there: the agent then starts anew in place.

The store would go on writing into files that nobody can find any more, and no command would reach the agent. It holds
them open as well, so a file system that is to be repaired is not let go before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from falcohost.alert import Priority
from falcohost.host.supervision.loop import ALMOST, Loop, Outcome
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log
from falcohost.store.directory import LOCK, room_problem

DELETED: Final = "Falcohost internal: state deleted"

#: Seconds between two looks, and for which the folder may be gone from its place: it may be mounted again.
PAUSE: Final = ALMOST
GONE: Final = 10.0

_DELETED: Final = "somebody has deleted the state folder, and with it the stored alerts and all positions"
_MOVED: Final = "the state folder is not in its place any more (its file system was unmounted, or it was moved)"
_OTHER: Final = "another state folder is in the place of the one that the agent uses (its file system was mounted, say)"


class Folder:
    """Looks whether the state folder *directory* still has the lock whose descriptor is *lock*; None: there is none."""

    def __init__(self, loop: Loop, directory: Path | None, lock: int | None, raise_alert: RaiseAlert) -> None:
        self._loop = loop
        self._directory = directory
        self._lock = lock
        self._raise_alert = raise_alert
        self._ours = None if lock is None else _identity(os.fstat(lock))
        self._look_at = 0.0
        self._gone_at: float | None = None

    def look(self) -> None:
        """Tell of a folder that is gone or replaced, and have the agent start anew."""
        now = self._loop.clock.monotonic()
        if self._lock is None or self._directory is None or now < self._look_at:
            return
        self._look_at = now + PAUSE
        why = _DELETED if _deleted(self._lock) else self._elsewhere(self._directory / LOCK, now)
        if why is None or (why is not _DELETED and self._unusable(self._directory)):
            return
        self._lock = None
        text = f"{why}; the agent starts anew in place, once its outputs have taken what they can"
        log.critical("%s", text)
        self._raise_alert(DELETED, Priority.CRITICAL, text, {})
        self._loop.end(Outcome.RESTART)

    def _elsewhere(self, path: Path, now: float) -> str | None:
        """Return why the lock is not *path*; None if it is, if that is unknown, or if it has only just gone."""
        try:
            there = _identity(path.lstat())
        except (FileNotFoundError, NotADirectoryError):
            self._gone_at = now if self._gone_at is None else self._gone_at
            return _MOVED if now - self._gone_at >= GONE else None
        except OSError:  # a file system with errors may say nothing
            return None
        self._gone_at = None
        return None if there == self._ours else _OTHER

    def _unusable(self, directory: Path) -> bool:
        """Return whether a new start could store nothing in *directory*, and would then never look at it again."""
        if (problem := room_problem(directory)) is not None:
            log.debug("the state folder %s is not in its place, which cannot be used: %s", directory, problem)
        return problem is not None


def _deleted(lock: int) -> bool:
    try:
        return not os.fstat(lock).st_nlink
    except OSError:
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino

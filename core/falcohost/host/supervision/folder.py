"""Notices that somebody has deleted the state folder: the agent then starts anew in place, and makes another.

The store would go on writing into files that nobody can find any more, and no command would reach the agent.
"""

from __future__ import annotations

import os
from typing import Final

from falcohost.alert import Priority
from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log

DELETED: Final = "Falcohost internal: state deleted"

#: Seconds between two looks.
PAUSE: Final = 1.0


class Folder:
    """Looks whether the lock in the state folder, whose descriptor is *lock*, still has a name; None: there is none."""

    def __init__(self, loop: Loop, lock: int | None, raise_alert: RaiseAlert) -> None:
        self._loop = loop
        self._lock = lock
        self._raise_alert = raise_alert
        self._look_at = 0.0

    def look(self) -> None:
        """Tell of a folder that is gone, and have the agent start anew."""
        now = self._loop.clock.monotonic()
        if self._lock is None or now < self._look_at:
            return
        self._look_at = now + PAUSE
        if os.fstat(self._lock).st_nlink:
            return
        self._lock = None
        text = (
            "somebody has deleted the state folder, and with it the stored alerts and all positions; the agent starts"
            " anew in place, once its outputs have taken what they can"
        )
        log.critical("%s", text)
        self._raise_alert(DELETED, Priority.CRITICAL, text, {})
        self._loop.end(Outcome.RESTART)

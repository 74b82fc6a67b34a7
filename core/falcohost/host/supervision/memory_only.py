"""A run whose state is in memory only: looks whether it could be on disk by now, and has the agent start anew then.

What is in memory is carried over. Where another agent uses the folder, nothing is tried: that one may be starting anew
itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from falcohost.alert import Priority
from falcohost.errors import StateError
from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log
from falcohost.store.directory import room_problem

IN_MEMORY: Final = "Falcohost internal: state in memory"
KEPT_AGAIN: Final = "Falcohost internal: state kept again"

#: Seconds between two looks.
PAUSE: Final = 10.0


class MemoryOnly:
    """Looks, in a run whose state is in memory.

    :param directory: the state folder; None: it has none.
    :param claim: locks the folder for this process; None: the folder is locked, or nothing is to be tried.
    :param why: why the folder was not locked; empty: it was.
    :param kept: returns whether the store is on disk, and whether it could be.
    """

    def __init__(
        self,
        loop: Loop,
        directory: Path | None,
        claim: Callable[[], object] | None,
        why: str,
        kept: Callable[[], tuple[bool, bool]],
        raise_alert: RaiseAlert,
    ) -> None:
        self._loop = loop
        self._directory = directory
        self._claim = claim
        self._why = why
        self._kept = kept
        self._raise_alert = raise_alert
        self._look_at = loop.clock.monotonic() + PAUSE
        self._told = self._over = False

    def look(self) -> None:
        """Tell once that the state is in memory; have the agent start anew when it need not be."""
        now = self._loop.clock.monotonic()
        if self._over or now < self._look_at:
            return
        self._look_at = now + PAUSE
        kept, usable = self._kept()
        if kept:
            return
        if not self._told:
            self._told = True
            why = self._why or "its file cannot be opened, the log says why"
            text = f"the state of this run is in memory only: {why}"
            self._raise_alert(IN_MEMORY, Priority.CRITICAL, text, {})
        if usable or self._can_claim():
            self._over = True
            text = f"the state folder {self._directory} can be used now: the agent starts anew in place, and uses it"
            log.warning("%s", text)
            self._raise_alert(KEPT_AGAIN, Priority.NOTICE, text, {})
            self._loop.end(Outcome.RESTART)

    def _can_claim(self) -> bool:
        """Return whether the folder is locked now, for the program that this process executes next."""
        if self._claim is None or self._directory is None:
            return False
        try:
            if (problem := room_problem(self._directory)) is None:
                self._claim()
                return True
        except (StateError, OSError) as error:
            problem = str(error)
        log.debug("the state is still in memory only: %s", problem)
        return False

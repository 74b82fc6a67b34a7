"""Notices stalled sources: their opening, their reading, or the processing of a batch does not end.

A worker reports its numbers each second, between two batches. One that does not is stalled. It is reported and not
restarted, since a second attempt may do no better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.log import log

STALLED: Final = "Falcohost internal: source stalled"

#: Longest time between two checks in seconds; after a longer one the supervisor itself was not running.
ASLEEP: Final = 5.0

#: Raises an alert about falcohost itself: rule, priority, text and fields.
RaiseAlert: TypeAlias = Callable[[str, Priority, str, Mapping[str, object]], None]


class Watchdog:
    """Checks whether the workers of *children* report; *limit*: seconds without a report, 0: do not check."""

    def __init__(self, children: Iterable[Child], limit: float, raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._children = list(children)
        self._limit = limit
        self._raise_alert = raise_alert
        self._clock = clock
        self._checked = clock.monotonic()

    def check(self) -> None:
        """Report each source that has stalled since the last check, and each that is back."""
        now, before = self._clock.monotonic(), self._checked
        self._checked = now
        if not self._limit:
            return
        for child in self._children:
            if now - before > ASLEEP:
                child.heard = max(child.heard, now)
            self._check(child, now - child.heard)

    def _check(self, child: Child, silent: float) -> None:
        if not child.alive or silent < self._limit:
            if child.stalled and child.alive:
                log.info("Event source '%s' reads again", child.name)
            child.stalled = ""
        elif not child.stalled:
            what = "reading" if child.ready else "being opened"
            child.stalled = f"it has not come back from {what} for more than {self._limit:g} s"
            log.error("event source '%s' (pid %d) is stalled: %s", child.name, child.pid, child.stalled)
            text = f"event source '{child.name}' is stalled: {child.stalled}"
            self._raise_alert(STALLED, Priority.CRITICAL, text, {"source": child.name, "seconds": int(silent)})

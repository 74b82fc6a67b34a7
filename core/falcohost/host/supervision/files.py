"""Checks files that may change while the agent runs: configuration, rules, and sources' certificates and secrets."""

from __future__ import annotations

from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.reloading import Reloading
from falcohost.host.supervision.renewal import Renewals
from falcohost.host.supervision.watch import Watch


class Files:
    """Starts a reload when a file of *watch* changes, and has *renewals* check its files.

    :ivar interval: seconds between two checks.
    """

    def __init__(
        self, watch: Watch, renewals: Renewals, reloading: Reloading, interval: float, clock: Clock = SYSTEM
    ) -> None:
        self.interval = interval
        self._watch = watch
        self._renewals = renewals
        self._reloading = reloading
        self._clock = clock
        self._due = 0.0

    def look(self) -> None:
        """Check all files, unless the last check was less than :attr:`interval` seconds ago."""
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + self.interval
            if self._watch.changed():
                self._reloading.begin("Files have changed")
            self._renewals.look()

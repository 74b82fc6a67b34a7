"""Checks files that may change while the agent runs: configuration, rules, and sources' certificates and secrets.

And paths that may appear, without which a helper of a source is not started.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.loop import ALMOST
from falcohost.host.supervision.reloading import Reloading
from falcohost.host.supervision.renewal import Renewals
from falcohost.host.supervision.watch import Watch


class Files:
    """Starts a reload when a file of *watch* changes, and has *renewals* check its files.

    :param awaited: paths that do not exist; when one appears, that is a reload.
    :ivar interval: seconds between two checks.
    """

    def __init__(
        self,
        watch: Watch,
        renewals: Renewals,
        reloading: Reloading,
        interval: float,
        clock: Clock = SYSTEM,
        awaited: Iterable[str] = (),
    ) -> None:
        self.interval = interval
        self._watch = watch
        self._renewals = renewals
        self._reloading = reloading
        self._clock = clock
        self._due = 0.0
        self._awaited = [*awaited]

    def look(self) -> None:
        """Check all files, unless the last check was less than :attr:`interval` seconds ago."""
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + ALMOST * self.interval
            if self._watch.changed():
                self._reloading.begin("Files have changed")
            elif (found := next(filter(os.path.exists, self._awaited), None)) is not None:
                self._awaited = []  # the reader knows
                self._reloading.begin(f"{found} has appeared")
            self._renewals.look()

    def wait_for(self, awaited: Iterable[str]) -> None:
        """Wait for these paths from now on."""
        self._awaited = [*awaited]

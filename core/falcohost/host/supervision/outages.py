"""Raises alerts about a source that tries in vain to reach what it reads: it is open, but sees nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.watchdog import RaiseAlert

FAILING: Final = "Falcohost internal: source failing"
WORKS: Final = "Falcohost internal: source works again"

#: Seconds of failures in a row before the alert.
LASTING: Final = 60.0


class Outages:
    """Checks what the workers of *children* report as failing; each outage is one alert."""

    def __init__(self, children: Iterable[Child], raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._children = list(children)
        self._raise_alert = raise_alert
        self._clock = clock
        self._since: dict[str, float] = {}
        self._told: set[str] = set()

    def check(self) -> None:
        """Raise an alert for each source that has been failing for :data:`LASTING` seconds."""
        now = self._clock.monotonic()
        for child in self._children:
            name, failing = child.name, child.totals.retrying
            if not failing:
                self._works(name, now)
                continue
            since = self._since.setdefault(name, now)
            if name not in self._told and now - since >= LASTING:
                self._told.add(name)
                what, count = max(failing.items(), key=lambda one: one[1])
                text = f"event source '{name}' sees nothing of what it tries again: {what}"
                fields = {"source": name, "attempts": count, "seconds": int(now - since)}
                self._raise_alert(FAILING, Priority.ERROR, text, fields)

    def _works(self, name: str, now: float) -> None:
        since = self._since.pop(name, now)
        if name in self._told:
            self._told.remove(name)
            text = f"event source '{name}' reaches what it reads again, after {now - since:.0f} s"
            self._raise_alert(WORKS, Priority.NOTICE, text, {"source": name, "seconds": int(now - since)})

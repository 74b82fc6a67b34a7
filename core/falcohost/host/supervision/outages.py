"""Raises alerts about a source that tries in vain to reach what it reads: it is open, but sees nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.spells import Spells
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
        self._spells = Spells(LASTING, clock)

    def check(self) -> None:
        """Raise an alert for each source that has been failing for :data:`LASTING` seconds."""
        for child in self._children:
            if child.totals.retrying:
                self._fails(child.name, child.totals.retrying)
            elif child.ready:  # one that has ended, or is started again, has reached nothing yet
                self._works(child.name)

    def _fails(self, name: str, retrying: Mapping[str, int]) -> None:
        if (seconds := self._spells.lasts(name)) is not None:
            what, count = max(retrying.items(), key=lambda one: one[1])
            text = f"event source '{name}' sees nothing of what it tries again: {what}"
            fields = {"source": name, "attempts": count, "seconds": int(seconds)}
            self._raise_alert(FAILING, Priority.ERROR, text, fields)

    def _works(self, name: str) -> None:
        if (seconds := self._spells.ends(name)) is not None:
            text = f"event source '{name}' reaches what it reads again, after {seconds:.0f} s"
            self._raise_alert(WORKS, Priority.NOTICE, text, {"source": name, "seconds": int(seconds)})

"""Raises alerts about what is tried in vain: a source sees nothing, though it is open; a lookup reaches nobody."""

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

LOOKUP_FAILING: Final = "Falcohost internal: lookup failing"
LOOKUP_WORKS: Final = "Falcohost internal: lookup works again"

#: Seconds of failures in a row before the alert: of a source, of a lookup.
LASTING: Final = 60.0
LOOKUP_LASTING: Final = 15.0


class Outages:
    """Checks what the workers of *children* report as failing; each outage is one alert."""

    def __init__(self, children: Iterable[Child], raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._children = list(children)
        self._raise_alert = raise_alert
        self._spells = Spells(LASTING, clock)
        self._lookups = {child.name: _Lookups(child.name, raise_alert, clock) for child in self._children}

    def check(self) -> None:
        """Raise an alert for each source and lookup that has been failing for so long."""
        for child in self._children:
            if child.ready:
                self._lookups[child.name].check(child.totals.unreached)
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


class _Lookups:
    """The lookups of one source."""

    def __init__(self, source: str, raise_alert: RaiseAlert, clock: Clock) -> None:
        self._source = source
        self._raise_alert = raise_alert
        self._spells = Spells(LOOKUP_LASTING, clock)
        self._failing: frozenset[str] = frozenset()

    def check(self, unreached: Mapping[str, int]) -> None:
        """Raise an alert for each lookup whose problem lasts, and for each that has none any more."""
        now = dict(_apart(what, seconds) for what, seconds in unreached.items())
        for name, (why, seconds) in now.items():
            if self._spells.lasts(name) is not None:
                text = f"lookup '{name}' of '{self._source}' has not reached what it asks for {seconds} s: {why}"
                self._tell(LOOKUP_FAILING, Priority.ERROR, f"{text}; what it knew before stays in use", name, seconds)
        for name in self._failing - now.keys():
            if (lasted := self._spells.ends(name)) is not None:
                text = f"lookup '{name}' of '{self._source}' reaches what it asks again, after {lasted:.0f} s"
                self._tell(LOOKUP_WORKS, Priority.NOTICE, text, name, int(lasted))
        self._failing = frozenset(now)

    def _tell(self, rule: str, priority: Priority, text: str, name: str, seconds: int) -> None:
        self._raise_alert(rule, priority, text, {"source": self._source, "lookup": name, "seconds": seconds})


def _apart(what: str, seconds: int) -> tuple[str, tuple[str, int]]:
    name, _, why = what.partition(": ")
    return name, (why, seconds)

"""Raises an alert about a source that is not open for some time, and another when it is open again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.spells import Spells
from falcohost.host.supervision.watchdog import RaiseAlert

DOWN: Final = "Falcohost internal: source down"
UP: Final = "Falcohost internal: source up again"

#: Seconds for which it has to be down. A worker that ends is replaced within a second, which is another alert.
LASTING: Final = 10.0


class Downs:
    """Checks *children*. A source that is still being opened for the first time is not down."""

    def __init__(self, children: Iterable[Child], raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._children = list(children)
        self._raise_alert = raise_alert
        self._spells = Spells(LASTING, clock)

    def check(self) -> None:
        """Raise the alerts that are due."""
        for child in self._children:
            if child.ready or child.ended:
                self._is_up(child)
            elif child.was_ready or child.error or child.lives > 1:
                self._is_down(child)

    def _is_down(self, child: Child) -> None:
        name = child.name
        if (seconds := self._spells.lasts(name)) is not None:
            why = f": {child.error}" if child.error else ""
            text = f"event source '{name}' has not been open for {seconds:.0f} s{why}; it is tried again and again"
            self._raise_alert(DOWN, Priority.ERROR, text, {"source": name, "error": child.error})

    def _is_up(self, child: Child) -> None:
        name = child.name
        if (seconds := self._spells.ends(name)) is not None:
            text = f"event source '{name}' is open again, after {seconds:.0f} s"
            self._raise_alert(UP, Priority.NOTICE, text, {"source": name, "seconds": int(seconds)})

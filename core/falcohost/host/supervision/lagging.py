"""Raises alerts about outputs that take no alerts or refuse them, and about a store that cannot write.

An output's own alert waits for it as well; others deliver it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.snapshot import OutputSnapshot, StoreSnapshot
from falcohost.host.supervision.loop import ALMOST
from falcohost.host.supervision.spells import Spells
from falcohost.host.supervision.watchdog import RaiseAlert

LAGS: Final = "Falcohost internal: output lags"
DELIVERS: Final = "Falcohost internal: output delivers again"
REFUSES: Final = "Falcohost internal: output refuses alerts"
UNWRITTEN: Final = "Falcohost internal: store cannot write"
WRITES: Final = "Falcohost internal: store writes again"

#: Seconds for which an output has to have taken nothing, and the store to have written nothing.
IDLE: Final = 60.0
FULL: Final = 5.0
#: Seconds between two alerts about alerts that an output has refused, and between two looks.
QUIET: Final = 60.0
PAUSE: Final = ALMOST


class Lagging:
    """Looks at *outputs* and *store* once a second."""

    def __init__(
        self,
        outputs: Callable[[], Iterable[OutputSnapshot]],
        store: Callable[[], StoreSnapshot],
        raise_alert: RaiseAlert,
        clock: Clock = SYSTEM,
    ) -> None:
        self._outputs = outputs
        self._store = store
        self._raise_alert = raise_alert
        self._clock = clock
        self._looked = clock.monotonic()
        self._watched: dict[str, _Output] = {}
        self._unwritten = Spells(FULL, clock)

    def check(self) -> None:
        """Raise the alerts that are due."""
        now = self._clock.monotonic()
        if now - self._looked < PAUSE:
            return
        self._looked = now
        store = self._store()
        for output in self._outputs():
            name = output.state.name
            if name not in self._watched:
                self._watched[name] = _Output(output.state.kind, name, self._raise_alert, now)
            self._watched[name].look(output, now)
        self._look_at_store(store)

    def _look_at_store(self, store: StoreSnapshot) -> None:
        waiting = store.numbers.unwritten
        if not waiting or not store.state.kept:
            if (seconds := self._unwritten.ends("")) is not None:
                text = f"alerts are written to the disk again, after {seconds:.0f} s"
                self._raise_alert(WRITES, Priority.NOTICE, text, {"seconds": int(seconds)})
        elif self._unwritten.lasts("") is not None:
            text = f"the store has not been able to write for {FULL:.0f} s: {waiting} alerts are in memory only"
            self._raise_alert(UNWRITTEN, Priority.CRITICAL, text, {"waiting": waiting})


class _Output:
    """One output or other subscriber."""

    def __init__(self, kind: str, name: str, raise_alert: RaiseAlert, now: float) -> None:
        self._kind = kind
        self._name = name
        self._raise_alert = raise_alert
        self._mark = -1
        self._moved = now
        self._told = False
        self._refused = 0
        self._refused_at = -QUIET

    def look(self, output: OutputSnapshot, now: float) -> None:
        waiting, mark = output.numbers.waiting, output.state.mark
        if mark != self._mark or not waiting:
            if self._told and not waiting:
                self._told = False
                text = f"the {self._kind} '{self._name}' has delivered what waited for it"
                self._raise_alert(DELIVERS, Priority.NOTICE, text, {self._kind: self._name})
            self._mark, self._moved = mark, now
        elif not self._told and now - self._moved >= IDLE:
            self._told = True
            text = f"the {self._kind} '{self._name}' has taken no alert for {IDLE:.0f} s: {waiting} are waiting"
            self._raise_alert(LAGS, Priority.ERROR, text, {self._kind: self._name, "waiting": waiting})
        self._look_at_refused(output.numbers.refused, now)

    def _look_at_refused(self, refused: int, now: float) -> None:
        self._refused = min(self._refused, refused)  # another process counts anew
        if refused > self._refused and now - self._refused_at >= QUIET:
            more, self._refused, self._refused_at = refused - self._refused, refused, now
            text = f"the {self._kind} '{self._name}' has refused {more} alerts for good (falcohost store parked)"
            self._raise_alert(REFUSES, Priority.ERROR, text, {self._kind: self._name, "refused": more})

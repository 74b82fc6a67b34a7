"""Collects arriving alerts and cursors; the supervisor stores everything from one turn in one transaction."""

from __future__ import annotations

from collections.abc import Mapping

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import INTERNAL, AlertMaker
from falcohost.host import wire
from falcohost.store.arrival import Arrival, Stored
from falcohost.store.store import Store

_GIVEN_UP = "Falcohost internal: alerts given up"
_UNDECIDED = "Falcohost internal: rule undecided"


class Intake:
    """Collects alerts and cursors of sources, and falcohost's alerts about itself."""

    def __init__(self, store: Store, maker: AlertMaker, clock: Clock = SYSTEM) -> None:
        self._store = store
        self._maker = maker
        self._clock = clock
        self._arrived: list[Arrival] = []
        self._given_up = 0

    def take(self, arrival: Arrival) -> None:
        """Add what a source has sent."""
        self._arrived.append(arrival)

    def raise_alert(self, rule: str, priority: Priority, text: str, fields: Mapping[str, object]) -> None:
        """Raise an alert about falcohost itself."""
        alert = self._maker.internal(rule, priority, text, fields, self._clock.time_ns())
        self._arrived.append(Arrival(INTERNAL, [alert]))

    def raise_undecided(self, source: str, told: wire.Undecided) -> None:
        """Raise an alert about a rule that *source* could not decide."""
        names = ", ".join(told.fields)
        text = f"Rule {told.rule} was not decided on {told.events} events: only the beginning of {names} is known"
        fields = {"source": source, "rule": told.rule, "fields": list(told.fields), "events": told.events}
        self.raise_alert(_UNDECIDED, Priority.WARNING, text, fields)

    def commit(self) -> Stored | None:
        """Store what has arrived since the last call; return the result, or None if there was nothing to store."""
        if not self._arrived and not self._store.behind:
            return None
        stored = self._store.append(self._arrived)
        self._arrived = []
        self._tell_given_up()
        return stored

    def _tell_given_up(self) -> None:
        """Raise an alert about alerts that the store had to delete before every output had them."""
        count, self._given_up = self._store.lost - self._given_up, self._store.lost
        if count:
            text = f"{count} alerts were given up before every output had them"
            self.raise_alert(_GIVEN_UP, Priority.CRITICAL, text, {"count": count})

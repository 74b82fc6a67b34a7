"""Stores what has arrived in one turn, in one transaction, and tells everybody whom it concerns."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from falcohost.alert import Alert, Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import INTERNAL, AlertMaker
from falcohost.host.storing.sources import Accuse, Sources
from falcohost.host.supervision.loop import Loop
from falcohost.store.arrival import Arrival
from falcohost.store.store import Store

_GIVEN_UP = "Falcohost internal: alerts given up"


class Intake:
    """Collects what sources send over their links, and stores it.

    :param on_stored: called with the new alerts of each transaction.
    :param accuse: called when a source has sent what is not valid.
    """

    def __init__(
        self,
        loop: Loop,
        store: Store,
        maker: AlertMaker,
        on_stored: Callable[[Sequence[Alert]], None],
        accuse: Accuse,
        clock: Clock = SYSTEM,
    ) -> None:
        self._store = store
        self._maker = maker
        self._on_stored = on_stored
        self._clock = clock
        self._arrived: list[Arrival] = []
        self._given_up = 0
        self._sources = Sources(loop, self.take, accuse)

    def attach(self, name: str, link: socket.socket) -> None:
        """Take what arrives on *link*, from the source *name*."""
        self._sources.attach(name, link)

    @property
    def silent(self) -> bool:
        """Return whether all sources are gone."""
        return self._sources.silent

    def take(self, arrival: Arrival) -> None:
        """Add what has arrived."""
        self._arrived.append(arrival)

    def commit(self) -> None:
        """Store what has arrived since the last call; then acknowledge it."""
        cursors: dict[str, str] = {}
        if self._arrived or self._store.behind:
            stored = self._store.append(self._arrived)
            self._arrived = []
            cursors = stored.cursors
            self._tell_given_up()
            self._on_stored(stored.alerts)
        self._sources.tell(cursors, self._store.cursor)

    def close(self) -> None:
        """Close all links."""
        self._sources.close()

    def _tell_given_up(self) -> None:
        """Raise an alert about alerts that the store had to delete before every output had them."""
        count, self._given_up = self._store.lost - self._given_up, self._store.lost
        if count:
            text = f"{count} alerts were given up before every output had them"
            alert = self._maker.internal(_GIVEN_UP, Priority.CRITICAL, text, {"count": count}, self._clock.time_ns())
            self.take(Arrival(INTERNAL, [alert]))

"""Moves a source's position on when the store has what came before, and never past matches that are only counted.

What is counted in open windows (:mod:`falcohost.pipeline.fold`) is kept in memory that outlives the worker. So the next
worker tells it, and reads on where it was kept. An alert that tells counts is kept as well, until the store has it: the
next worker tells it again, and the store knows it by its id. What is kept and the position change at one moment, since
what is kept has a mark that the source keeps with its position (:class:`~falcohost.events.MarkedSource`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.events import MarkedSource
from falcohost.pipeline.fold import Fold

#: Least seconds between two moments at which counts are kept, and the part of a worker's time that this may take.
PAUSE: Final = 0.05
SHARE: Final = 0.05

#: Something to do.
Call: TypeAlias = Callable[[], object]


class Copy(Protocol):
    """What is to be kept."""

    def prepare(self) -> None:
        """Write it beside what is kept."""

    def commit(self) -> None:
        """Have it kept instead of what was."""


class Keeper(Protocol):
    """Keeps alerts for the next worker."""

    def left(self, mark: int) -> Sequence[Alert]:
        """Return what an earlier worker has kept, whose position has this *mark*."""

    def keep(self, alerts: Sequence[Alert], mark: int) -> Copy:
        """Return what is to have *alerts* kept instead of what was, from when the position has this *mark* on."""


class Store(Protocol):
    """The way to the store."""

    rewinds: bool

    def add(self, alert: Alert) -> None:
        """Receive an alert."""

    def flush(self, cursor: str | None) -> None:
        """Pass on the alerts that were added."""

    def once_stored(self, call: Call) -> None:
        """Run *call* once the store has the alerts that were passed on; at once if it has."""


class Positions:
    """Moves on the position of a source whose batches say what to do when they are stored (``Batch.stored``).

    :param keeper: None: counts die with this worker.
    """

    def __init__(self, fold: Fold, store: Store, keeper: Keeper | None, clock: Clock = SYSTEM) -> None:
        self._fold = fold
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._source: MarkedSource | None = None
        self._mark = 0
        self._waiting: Call | None = None
        self._told: list[Alert] = []
        self._sent: list[Alert] = []
        self._has_kept = False
        self._keeping = 0
        self._due = 0.0

    def begin(self, source: MarkedSource | None = None) -> None:
        """Tell what an earlier worker has counted. The store may have some of it."""
        if self._keeper is None:
            return
        self._source = source
        self._mark = 0 if source is None else source.left()
        left = self._keeper.left(self._mark)
        if left:
            self._sent += left
            self._store.rewinds = True
            self._send(left)
            self._store.rewinds = False
            self._has_kept = True

    def tell(self, alert: Alert) -> None:
        """Pass on an alert that tells counts: once it is kept."""
        if self._keeper is None:
            self._store.add(alert)
        else:
            self._told.append(alert)

    def reached(self, stored: Call | None) -> None:
        """Run *stored* once all alerts so far are stored, and what is only counted is kept.

        That of an earlier batch is left out if that of a later one can be run.
        """
        if self._keeper is None or not (self._fold.is_open or self._told or self._has_kept):
            if stored is not None:
                self._store.once_stored(stored)
            return
        if stored is not None:
            self._waiting = stored
        if not self._keeping and self._clock.monotonic() >= self._due:
            self.keep()

    def tick(self) -> None:
        """Move on what waits. To be called about once a second."""
        if not self._keeping and (self._waiting or self._told or self._has_kept):
            self.keep()

    def keep(self) -> None:
        """Keep what is only counted, and run what waits for that; then pass on what is told."""
        if self._keeper is None:
            return
        began = self._clock.monotonic()
        told, self._told = self._told, []
        stored, self._waiting = self._waiting, None
        self._sent += told
        alerts = [*self._sent, *self._fold.untold()]
        self._has_kept, self._keeping = bool(alerts), self._keeping + 1
        self._mark += stored is not None
        mark, copy = self._mark, self._keeper.keep(alerts, self._mark)

        def move() -> None:
            copy.prepare()
            if stored is not None:
                if self._source is not None:
                    self._source.mark(mark)
                stored()
            copy.commit()
            self._keeping -= 1
            self._send(told)

        self._store.once_stored(move)
        now = self._clock.monotonic()
        self._due = now + max(PAUSE, (now - began) / SHARE)

    def pass_on(self) -> None:
        """Pass on what is told, at once: it is of a source with cursors, whose position moves with the alerts."""
        told, self._told = self._told, []
        for alert in told:
            self._store.add(alert)

    def _send(self, alerts: Sequence[Alert]) -> None:
        """Send alerts that are kept, which they need not be any more when the store has them."""
        for alert in alerts:
            self._store.add(alert)
        if alerts:
            self._store.flush(None)
            self._store.once_stored(lambda: self._forget(len(alerts)))

    def _forget(self, count: int) -> None:
        del self._sent[:count]

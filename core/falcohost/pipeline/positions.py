"""Moves a source's position on when the store has what came before, and never past matches that are only counted.

What is counted in open windows (:mod:`falcohost.pipeline.fold`) is kept in memory that outlives the worker. So the next
worker tells it, and reads on where it was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.pipeline.fold import Fold

#: Least seconds between two moments at which counts are kept, and the part of a worker's time that this may take.
PAUSE: Final = 0.05
SHARE: Final = 0.05

#: Something to do.
Call: TypeAlias = Callable[[], object]


class Keeper(Protocol):
    """Keeps alerts for the next worker."""

    def left(self) -> Sequence[Alert]:
        """Return what an earlier worker has kept."""

    def keep(self, alerts: Iterable[Alert]) -> Call:
        """Return what has *alerts* kept instead of what was."""


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
        self._waiting: list[Call] = []
        self._has_kept = False
        self._ended = 0
        self._due = 0.0

    def begin(self) -> None:
        """Tell what an earlier worker has counted. The store may have some of it."""
        if self._keeper is None:
            return
        for alert in self._keeper.left():
            self._has_kept = True
            self._store.add(alert)
        if self._has_kept:
            self._store.rewinds = True
            self._store.flush(None)
            self._store.rewinds = False
            self.keep()

    def reached(self, stored: Call | None) -> None:
        """Run *stored* once all alerts so far are stored, and what is only counted is kept."""
        if self._keeper is None or not (self._fold.is_open or self._has_kept):
            if stored is not None:
                self._store.once_stored(stored)
            return
        if stored is not None:
            self._waiting.append(stored)
        if self._fold.ended != self._ended or self._clock.monotonic() >= self._due:
            self.keep()

    def tick(self) -> None:
        """Move on what waits. To be called about once a second."""
        if self._waiting:
            self.keep()

    def keep(self) -> None:
        """Keep what is only counted, and run what waits for that."""
        if self._keeper is None:
            return
        began = self._clock.monotonic()
        self._has_kept, self._ended = self._fold.is_open, self._fold.ended
        write = self._keeper.keep(self._fold.untold())
        waiting, self._waiting = self._waiting, []

        def move() -> None:
            write()
            for stored in waiting:
                stored()

        self._store.once_stored(move)
        now = self._clock.monotonic()
        self._due = now + max(PAUSE, (now - began) / SHARE)

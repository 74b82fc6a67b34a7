"""What a runner calls, and what it reads from and writes to: the two sides of a subscriber."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from falcohost.alert import Alert
from falcohost.hookspecs import Output
from falcohost.store.arrival import Position


class Taken(NamedTuple):
    """What came of alerts: others, whole and in order, and a new state (None: it stays as it is)."""

    alerts: Sequence[Alert] = ()
    state: bytes | None = None


NOTHING = Taken()


class Taker(Protocol):
    """Takes alerts from a runner."""

    def take(self, mark: int, alerts: list[Alert]) -> Taken:
        """Take *alerts*, the next behind the number *mark*; raises whatever it does if it did not."""

    def due(self) -> int | None:
        """Return when :meth:`tick` is to be called, in nanoseconds since the epoch; None: not at all."""

    def tick(self, mark: int, due: int, now: int) -> Taken:
        """Return what the time *due* brings about, behind the alert number *mark*."""

    def recover(self) -> None:
        """Make ready to do the same again, after :meth:`take` or :meth:`tick` has raised."""

    def reopen(self) -> None:
        """Close and open again what is open."""

    def close(self) -> None:
        """Release everything."""


class Alerts(Protocol):
    """The part of a store that a runner uses."""

    kept: bool
    last: int

    def subscribe(self, name: str) -> Position:
        """Return where the subscriber *name* is."""

    def read(self, after: int, most: int) -> list[tuple[int, Alert]]:
        """Return up to *most* alerts behind number *after*, each with its number."""

    def answer(self, name: str, mark: int, alerts: Sequence[Alert] = (), state: bytes | None = None) -> None:
        """Store in one transaction what the subscriber *name* answers."""


class ToOutput:
    """Hands alerts to *output*, which answers nothing and repairs itself."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.reopen, self.close = output.reopen, output.close

    def take(self, mark: int, alerts: list[Alert]) -> Taken:
        """Return when *alerts* are accepted."""
        self._output.deliver(alerts)
        return NOTHING

    def due(self) -> None:
        """Return None: an output does nothing by the clock."""

    def tick(self, mark: int, due: int, now: int) -> Taken:
        """Do nothing."""
        return NOTHING

    def recover(self) -> None:
        """Do nothing: an output is tried again as it is."""

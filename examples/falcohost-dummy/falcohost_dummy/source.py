"""An event source that counts. It ends, it can be read again from any place, and it is the same every time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from falcohost import Batch, Plan, ResourceSubject, SourceError, SourceStats

#: When the number 0 would have been counted: 1 January 2025, UTC, in nanoseconds.
START = 1_735_689_600_000_000_000
BATCH = 10


@dataclass(frozen=True, slots=True)
class Tick:
    """One number, counted at a time that depends on nothing but the number."""

    num: int
    number: int

    @property
    def type(self) -> str:
        """Return its type; rules read it as ``dummy.type``."""
        return "tick"

    @property
    def ts(self) -> int:
        """When: one second after the number before."""
        return START + self.number * 1_000_000_000

    @property
    def key(self) -> str:
        """Stays the same when the number is counted again."""
        return str(self.number)

    @property
    def subject(self) -> ResourceSubject:
        """The subject of an alert about this event: a resource in the world of this source."""
        return ResourceSubject("dummy.parity", parity(self.number))


class Counter:
    """Counts to *count* by *step*, waiting *interval* seconds before each batch."""

    def __init__(self, count: int, interval: float, step: int) -> None:
        self._count = count
        self._step = step
        self._interval = interval
        self._counted = 0
        self._passed = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Counter:
        """Make one from the plugin's block, ``count`` (default 10) and ``interval`` (default 0), and ``dummy.step``."""
        try:
            return cls(int(config.get("count", 10)), float(config.get("interval", 0)), config["dummy"]["step"])
        except (TypeError, ValueError) as error:
            raise SourceError(f"dummy: count and interval have to be numbers: {error}.") from error

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Begin after the number in *cursor*. The plan is not used: numbers are cheap."""
        self._counted = int(cursor or 0)

    def batches(self) -> Iterator[Batch]:
        """Yield the numbers, at most ten at a time; never silent for longer than half a second."""
        while self._counted < self._count:
            yield from self._wait()
            numbers = range(self._counted + self._step, self._count + 1, self._step)[:BATCH]
            self._counted = numbers[-1] if numbers else self._count
            yield Batch(list(self._ticks(numbers)), cursor=str(self._counted))

    def _wait(self) -> Iterator[Batch]:
        until = time.monotonic() + self._interval
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
            yield Batch([])

    def _ticks(self, numbers: Iterable[int]) -> Iterator[Tick]:
        for number in numbers:
            self._passed += 1
            yield Tick(self._passed, number)

    def update(self, plan: Plan) -> None:
        """Do nothing: every number is passed under every plan."""

    def ack(self, cursor: str) -> None:
        """Do nothing: a number needs no acknowledgement."""

    def stats(self) -> SourceStats:
        """Return how many numbers were counted; none is ever lost."""
        return SourceStats(received=self._passed, passed=self._passed)

    def close(self) -> None:
        """Do nothing: nothing is held."""


def parity(number: int) -> str:
    """Return ``even`` or ``odd``."""
    return "odd" if number % 2 else "even"

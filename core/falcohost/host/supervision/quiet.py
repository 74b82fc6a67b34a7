"""Keeps alerts about the same thing from being a flood: one in a while, with the number of those in between."""

from __future__ import annotations

from typing import Final

from falcohost.clock import Clock

#: Most things that are remembered.
MOST: Final = 1024


class Quiet:
    """Lets one alert about each thing through in so many *seconds*."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._told: dict[str, float] = {}
        self._others: dict[str, int] = {}

    def passes(self, name: str) -> int | None:
        """Return how many alerts about *name* were not told since the last one; None: this one is not told either."""
        now = self._clock.monotonic()
        if now - self._told.get(name, -self._seconds) < self._seconds:
            self._others[name] = self._others.get(name, 0) + 1
            return None
        if len(self._told) >= MOST:
            self._told.clear()
            self._others.clear()
        self._told[name] = now
        return self._others.pop(name, 0)

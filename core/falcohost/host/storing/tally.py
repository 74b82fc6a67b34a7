"""Tells a number that rises: at once, and then every few seconds, so that no flood raises another."""

from __future__ import annotations

from typing import Final

from falcohost.clock import Clock

#: Seconds between two times that a number is told.
QUIET: Final = 10.0


class Tally:
    """What of a number that only rises is not told yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told = 0
        self._quiet_until = clock.monotonic()

    def due(self, total: int, last: bool = False) -> int:
        """Return by how much *total* has risen, to be told now; 0: nothing yet, unless it is the *last* time."""
        now = self._clock.monotonic()
        if total <= self._told or (now < self._quiet_until and not last):
            return 0
        risen, self._told, self._quiet_until = total - self._told, total, now + QUIET
        return risen

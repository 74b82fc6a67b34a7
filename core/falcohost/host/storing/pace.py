"""Limits how many alerts are taken from one source: a burst at once, then so many a second; the source waits."""

from __future__ import annotations

from typing import Final

from falcohost.clock import Clock

#: A burst is what the long run allows in so many seconds.
BURST: Final = 20

#: Seconds between two alerts about the same source.
QUIET: Final = 60.0


class Pace:
    """The pace of one source: *per_second* alerts in the long run.

    :ivar waited: seconds that the source had to wait since :meth:`tell` returned true.
    """

    def __init__(self, per_second: int, clock: Clock) -> None:
        self.waited = 0.0
        self._rate = float(per_second)
        self._left = self._rate * BURST
        self._clock = clock
        self._at = clock.monotonic()
        self._quiet_until = self._at

    def wait(self, alerts: int) -> float:
        """Take note of a message with so many *alerts*; return how many seconds to wait before the next one."""
        now = self._clock.monotonic()
        self._left = min(self._rate * BURST, self._left + (now - self._at) * self._rate) - max(1, alerts)
        self._at = now
        seconds = max(0.0, -self._left / self._rate)
        self.waited += seconds
        return seconds

    def tells(self) -> bool:
        """Return whether the source has waited, and that has not been told for :data:`QUIET` seconds."""
        now = self._clock.monotonic()
        if not self.waited or now < self._quiet_until:
            return False
        self._quiet_until = now + QUIET
        return True

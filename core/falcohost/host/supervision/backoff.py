"""The delay before a failed worker is restarted."""

from __future__ import annotations

FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0

#: Seconds of uptime after which the back-off resets.
HEALTHY = 60.0


class RestartDelay:
    """Computes the delay before each restart: it doubles with each restart in a row."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY

    def lived(self, seconds: float) -> None:
        """Record that a worker has ended after so many *seconds*."""
        if seconds >= HEALTHY:
            self._delay = FIRST_DELAY

    def next(self) -> float:
        """Return how many seconds to wait before this restart."""
        delay, self._delay = self._delay, min(2 * self._delay, LONGEST_DELAY)
        return delay

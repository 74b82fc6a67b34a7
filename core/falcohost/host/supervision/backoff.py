"""The delay before a worker is started again."""

from __future__ import annotations

from collections import deque

from falcohost.clock import SYSTEM, Clock

FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0

#: Seconds of uptime after which the back-off resets.
HEALTHY = 60.0

#: So many workers that were killed are replaced at once within :data:`SPAN` seconds, and the next ones after
#: :data:`SOON`: whoever kills workers must not keep all processors busy with starting them, nor keep the source closed.
MOST_AT_ONCE = 10
SPAN = 10.0
SOON = 0.5


class RestartDelay:
    """Computes the delay before each restart: it doubles with each failure in a row."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._delay = FIRST_DELAY
        self._replaced: deque[float] = deque(maxlen=MOST_AT_ONCE)

    def lived(self, seconds: float) -> None:
        """Record that a worker has ended after so many *seconds*."""
        if seconds >= HEALTHY:
            self._delay = FIRST_DELAY

    def next(self) -> float:
        """Return how many seconds to wait before the restart of a worker that has failed."""
        delay, self._delay = self._delay, min(2 * self._delay, LONGEST_DELAY)
        return delay

    def at_once(self) -> float:
        """Return the seconds before the restart of a worker that was killed while all was well: mostly 0."""
        now = self._clock.monotonic()
        if len(self._replaced) == MOST_AT_ONCE and now - self._replaced[0] < SPAN:
            return SOON
        self._replaced.append(now)
        return 0.0

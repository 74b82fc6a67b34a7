"""Knows how long an alert has been waiting, within a second."""

from __future__ import annotations

from collections import deque
from typing import Final

#: Most moments that are remembered; of more, every other one is forgotten, so that a long wait is known less exactly.
MOST: Final = 4096


class Arrivals:
    """Remembers when the store told the number of its last alert."""

    def __init__(self) -> None:
        self._moments: deque[tuple[int, float]] = deque()

    def note(self, last: int, now: float) -> None:
        """Take note that *last* is the number of the last alert *now*."""
        if not self._moments or last > self._moments[-1][0]:
            self._moments.append((last, now))
        if len(self._moments) > MOST:
            self._moments = deque(moment for number, moment in enumerate(self._moments) if number % 2 == 0)

    def lag(self, mark: int, now: float) -> float:
        """Return for how many seconds the first alert behind *mark* has been waiting; 0: none is."""
        return next((now - then for last, then in self._moments if last > mark), 0.0)

    def forget(self, mark: int) -> None:
        """Forget what is before *mark*, which every output has reached."""
        while self._moments and self._moments[0][0] <= mark:
            self._moments.popleft()

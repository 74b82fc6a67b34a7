"""Handles failed fetches: computes how long to wait after each, and logs them."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass

from falcohost.clock import SYSTEM, Clock
from falcohost.errors import FalcohostError
from falcohost.log import log
from falcohost.poll.page import PollError

#: Seconds for which the same cause is not logged again.
QUIET = 600.0

#: Longest wait that a server can ask for, in seconds.
MOST_ASKED = 3600.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds to wait: *first* after a failure, twice as many after each further one in a row, at most *longest*."""

    first: float = 1.0
    longest: float = 300.0


class Failures:
    """The consecutive failures of *name*, as messages call it.

    :param each: log each failure; otherwise the same cause is not logged again for :data:`QUIET` seconds.
    """

    def __init__(self, name: str, back_off: BackOff, clock: Clock = SYSTEM, *, each: bool = False) -> None:
        self._quiet = 0.0 if each else QUIET
        self._name = name
        self._clock = clock
        self._back_off = back_off
        self._count = 0
        self._since = 0.0
        self._is_told = False
        self._told: dict[str, float] = {}

    @property
    def count(self) -> int:
        """The number of failures since the last success."""
        return self._count

    @property
    def lasting(self) -> float:
        """The seconds since the first failure after the last success."""
        return self._clock.monotonic() - self._since if self._count else 0.0

    def failed(self, error: Exception) -> float:
        """Record *error*; return how many seconds to wait, with jitter so that a fleet of agents spreads out."""
        now = self._clock.monotonic()
        if not self._count:
            self._since = now
        wait = min(self._back_off.longest, self._back_off.first * 2.0 ** min(self._count, 30))
        wait *= random.uniform(0.5, 1.0)
        if isinstance(error, PollError) and error.retry_after is not None:
            wait = max(wait, min(error.retry_after, MOST_ASKED))
        self._count += 1
        self._tell(_text(error), wait, now)
        return wait

    def succeeded(self) -> None:
        """Record a success; log it if failures were logged before."""
        if self._is_told:
            seconds = self._clock.monotonic() - self._since
            log.info("%s: works again, after %.0f s (failed attempts: %d)", self._name, seconds, self._count)
        self._count = 0
        self._is_told = False

    def _tell(self, text: str, wait: float, now: float) -> None:
        if now - self._told.get(text, -self._quiet) >= self._quiet:
            self._told = {cause: told for cause, told in self._told.items() if now - told < self._quiet}
            self._told[text] = now
            self._is_told = True
            log.warning("%s: %s. Trying again in %.0f s", self._name, text, wait)


def _text(error: Exception) -> str:
    """Return the text of *error* for the log; for a bug, with its place."""
    if isinstance(error, FalcohostError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"

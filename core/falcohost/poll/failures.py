"""Handles failed fetches: computes how long to wait after each, logs them, and gives up where somebody waits."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass

from falcohost import retries
from falcohost.clock import SYSTEM, Clock
from falcohost.errors import FalcohostError, SourceError
from falcohost.log import log
from falcohost.poll.page import PollError

#: Seconds for which the same cause is not logged again.
QUIET = 600.0

#: Most characters of a reason.
MOST_TEXT = 500

#: Longest wait that a server can ask for, in seconds.
MOST_ASKED = 3600.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds to wait: *first* after a failure, twice as many after each further one in a row, at most *longest*."""

    first: float = 1.0
    longest: float = 300.0


class Failures:
    """The consecutive failures of *name*, as messages call it.

    :param once: what fails is read once, so that somebody may wait for it: each failure is logged, and after
        :data:`falcohost.retries.GIVE_UP` seconds it is given up. The same holds for everything in a run on demand.
        Otherwise the same cause is not logged again for :data:`QUIET` seconds.
    :param endless: never give up.
    """

    def __init__(
        self, name: str, back_off: BackOff, clock: Clock = SYSTEM, *, once: bool = False, endless: bool = False
    ) -> None:
        once = once or retries.is_on_demand()
        self._quiet = 0.0 if once else QUIET
        self._gives_up = once and not endless
        self._name = name
        self._clock = clock
        self._longest = min(back_off.longest, retries.ON_DEMAND_WAIT) if once else back_off.longest
        self._first = back_off.first
        self._count = 0
        self._since = 0.0
        self._is_told = False
        self._told: dict[str, float] = {}

    def failed(self, error: Exception) -> float:
        """Record *error*; return how many seconds to wait, with jitter so that a fleet of agents spreads out.

        :raises SourceError: it is given up.
        """
        now = self._clock.monotonic()
        if not self._count:
            self._since = now
        text = _text(error)
        if self._gives_up and now - self._since >= retries.GIVE_UP:
            spent = f"{now - self._since:.0f} s and {self._count + 1} attempts"
            raise SourceError(f"{self._sentence(text)}; given up after {spent}")
        wait = min(self._longest, self._first * 2.0 ** min(self._count, 30))
        wait *= random.uniform(0.5, 1.0)
        if isinstance(error, PollError) and error.retry_after is not None:
            wait = max(wait, min(error.retry_after, MOST_ASKED))
            if self._gives_up and wait > retries.GIVE_UP:
                raise SourceError(f"{self._sentence(text)}; given up, since the server asks to wait for {wait:.0f} s")
        self._count += 1
        retries.note(self, self._sentence(text), self._count)
        self._tell(text, wait, now)
        return wait

    def succeeded(self) -> None:
        """Record a success; log it if failures were logged before."""
        if self._is_told:
            seconds = self._clock.monotonic() - self._since
            log.info("%s: works again, after %.0f s (failed attempts: %d)", self._name, seconds, self._count)
        if self._count:
            retries.forget(self)
        self._count = 0
        self._is_told = False

    def _tell(self, text: str, wait: float, now: float) -> None:
        if now - self._told.get(text, -self._quiet) >= self._quiet:
            self._told = {cause: told for cause, told in self._told.items() if now - told < self._quiet}
            self._told[text] = now
            self._is_told = True
            log.warning("%s. Trying again in %.0f s", self._sentence(text), wait)

    def _sentence(self, text: str) -> str:
        """Return *text*, which a server may have written in part, with the name in front unless it is there already."""
        text = text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"
        plugin, _, name = self._name.rpartition(": ")
        return f"{plugin}: {text}" if plugin and text.startswith(name) else f"{self._name}: {text}"


def _text(error: Exception) -> str:
    """Return the text of *error* for the log; for a bug, with its place."""
    if isinstance(error, FalcohostError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"

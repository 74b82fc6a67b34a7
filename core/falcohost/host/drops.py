"""Handles lost events: counts and logs every loss, and applies the source's :class:`~falcohost.DropPolicy`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.assignment import Drops
from falcohost.host.numbers import NOTHING, Numbers
from falcohost.log import log
from falcohost.token_bucket import TokenBucket

#: Raises an alert about falcohost itself: its rule, priority, text and fields.
Raise: TypeAlias = Callable[[str, Priority, str, Mapping[str, object]], None]

#: Seconds between two log lines about losses of one source.
QUIET = 10.0


class LossLog:
    """Logs losses of a source and their causes: the first at once, then at most every ten seconds."""

    def __init__(self, source: str, clock: Clock = SYSTEM) -> None:
        self._source = source
        self._clock = clock
        self._told: Mapping[str, int] = {}
        self._quiet_until = 0.0

    def observe(self, totals: Numbers) -> None:
        """Process a new report."""
        now = self._clock.monotonic()
        if now >= self._quiet_until and self.tell(totals):
            self._quiet_until = now + QUIET

    def tell(self, totals: Numbers) -> bool:
        """Log what was lost since the last time; return whether anything was."""
        if totals.dropped == self._told or not (lost := Counter(totals.dropped) - Counter(self._told)):
            return False
        self._told = totals.dropped
        causes = ", ".join(f"{cause}: {count}" for cause, count in sorted(lost.items()))
        log.warning("source '%s' has lost %d events (%s); %d in total", self._source, lost.total(), causes, totals.lost)
        return True


class DropMonitor:
    """Applies the policy of one source.

    :ivar policy: the policy.
    :ivar occurrences: how many seconds had drops above the threshold.
    :ivar taken: how often actions were taken.
    :ivar exiting: the action ``exit`` was taken.
    """

    def __init__(self, policy: Drops, raise_alert: Raise, clock: Clock = SYSTEM) -> None:
        self.occurrences = 0
        self.taken = 0
        self.exiting = False
        self.policy = policy
        self._raise = raise_alert
        self._bucket = TokenBucket(policy.rate, policy.burst, clock)
        self._last = NOTHING

    def observe(self, totals: Numbers, of_drops: Mapping[str, str] = MappingProxyType({})) -> None:
        """Process the report of the last second; *of_drops*: the source's fields about what was lost."""
        dropped = Counter(totals.dropped) - Counter(self._last.dropped)
        count = dropped.total()
        events = totals.received - self._last.received + count
        simulated = self._simulated(totals)
        self._last = totals
        self._judge(events + min(simulated, 1), count + min(simulated, 1), of_drops)
        for _ in range(simulated - 1):
            self._judge(1, 1, of_drops)

    def _simulated(self, totals: Numbers) -> int:
        """Return how many seconds have to lose an event: one, or as many as have passed in a recording."""
        if not self.policy.simulate:
            return 0
        seconds = 1 if totals.elapsed is None else max(totals.elapsed - (self._last.elapsed or 0), 0)
        for _ in range(seconds):
            log.info("Simulating %s", self.policy.what)
        return seconds

    def _judge(self, events: int, count: int, of_drops: Mapping[str, str]) -> None:
        """Take the actions for what was lost in one second, if it is too much."""
        if count <= 0 or count <= events * self.policy.threshold:
            return
        self.occurrences += 1
        if not self._bucket.claim():
            log.debug("%s but token bucket depleted, skipping actions", self.policy.what.capitalize())
            return
        self.taken += 1
        self._act(events, count, of_drops)

    def _act(self, events: int, count: int, of_drops: Mapping[str, str]) -> None:
        rule = f"Falco internal: {self.policy.what}"
        text = f"{rule}. {count} {self.policy.events} dropped in last second."
        for action in self.policy.actions:
            if action == "log":
                log.debug(text)
            elif action == "alert":
                fields = {**of_drops, "n_evts": str(events), "n_drops": str(count)}
                self._raise(rule, Priority.DEBUG, text, fields)
            elif action == "exit":
                log.critical(text)
                log.log(logging.CRITICAL, "Exiting.")
                self.exiting = True

"""Counts matches, and events on which a rule could not be evaluated; logs the latter now and then."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Sequence

from falcohost.clock import Clock
from falcohost.engine.ruleset import Rule
from falcohost.events import Event
from falcohost.log import log

#: Seconds between two messages about events on which a rule failed.
QUIET = 10.0


class Tally:
    """The counts since the pipeline was made.

    :ivar matched: matches by event type; *hit*: events that matched, by type; *rules*: matches by rule.
    :ivar failed: events on which a rule could not be evaluated.
    """

    def __init__(self, clock: Clock) -> None:
        self.matched: Counter[str] = Counter()
        self.hit: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.failed = 0
        self._clock = clock
        self._said = -QUIET

    def matches(self, event: Event, rules: Sequence[Rule]) -> None:
        """Count an event that matches *rules*, one or more."""
        self.hit[event.type] += 1
        self.matched[event.type] += len(rules)
        for rule in rules:
            self.rules[rule.name] += 1

    def fails(self, event: Event, error: Exception) -> None:
        """Count an event on which a rule failed; it is lost to the rules."""
        self.failed += 1
        if self._clock.monotonic() - self._said >= QUIET:
            self._said = self._clock.monotonic()
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                "a rule could not be evaluated on a %s event (%d so far): %s: %s (%s:%s)",
                event.type, self.failed, type(error).__name__, error, place.filename, place.lineno,
            )  # fmt: skip

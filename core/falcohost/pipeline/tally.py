"""Counts matches, and events for which a rule could not be evaluated; logs the latter at intervals."""

from __future__ import annotations

import traceback
from collections import Counter, defaultdict
from collections.abc import Sequence

from falcohost.clock import Clock
from falcohost.engine.ruleset import Rule
from falcohost.events import Event
from falcohost.log import log
from falcohost.pipeline.faults import Fault

#: Seconds between two messages about the same rule and field.
QUIET = 10.0

#: Maximum number of pairs of a rule and a field that are counted separately.
MOST = 256

#: For so many failures a second it is asked which rule it is; the others are only counted.
ASKED = 100


class Tally:
    """The counts since the pipeline was made.

    :ivar failed: events for which a rule could not be evaluated.
    """

    def __init__(self, clock: Clock) -> None:
        self._met: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._others: Counter[str] = Counter()
        self.failed = 0
        self._clock = clock
        self._faults: Counter[tuple[str, str]] = Counter()
        self._last_failed = -1
        self._second, self._asked = 0, 0
        self._said: dict[tuple[str, str], float] = {}

    def matches(self, event: Event, rules: Sequence[Rule]) -> None:
        """Count an event that matches *rules*, one or more."""
        kind = event.type
        for rule in rules:
            self._met[kind, rule.name] += 1
        if len(rules) > 1:  # which are few
            self._others[kind] += len(rules) - 1

    @property
    def matched(self) -> Counter[str]:
        """Return the matches by event type."""
        found: Counter[str] = Counter()
        for (kind, _), count in self._met.items():
            found[kind] += count
        return found

    @property
    def hit(self) -> Counter[str]:
        """Return the events that matched at least one rule, by event type."""
        return self.matched - self._others

    @property
    def rules(self) -> Counter[str]:
        """Return the matches by rule."""
        found: Counter[str] = Counter()
        for (_, rule), count in self._met.items():
            found[rule] += count
        return found

    def fails(self, event: Event, error: Exception, faults: Sequence[Fault] = ()) -> None:
        """Count and log an event on which a rule failed with *error*; *faults* names the rules, if they are known."""
        if event.num != self._last_failed:  # several rules may fail on one event
            self.failed += 1
            self._last_failed = event.num
        for fault in faults or [Fault("", "", error)]:
            self._add(event, fault)

    def may_ask(self) -> bool:
        """Tell whether there is time to find out which rule has failed, whatever an attacker lets happen."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._asked = second, 0
        self._asked += 1
        return self._asked <= ASKED

    @property
    def faults(self) -> dict[str, int]:
        """Return how often each rule has failed, by the rule and the field because of which it has."""
        return {_named(rule, field): count for (rule, field), count in self._faults.items()}

    def _add(self, event: Event, fault: Fault) -> None:
        key = fault.rule, fault.field
        if key not in self._faults and len(self._faults) >= MOST:
            key = "", ""
        self._faults[key] += 1
        now = self._clock.monotonic()
        if now - self._said.get(key, -QUIET) < QUIET:
            return
        self._said[key] = now
        error = fault.error
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "%s could not be evaluated on a %s event (%d so far)%s: %s: %s (%s:%s)",
            _of(fault.rule), event.type, self._faults[key], _because_of(fault.field),
            type(error).__name__, error, place.filename, place.lineno,
        )  # fmt: skip


def _of(rule: str) -> str:
    return f"rule '{rule}'" if rule else "a rule"


def _named(rule: str, field: str) -> str:
    name = rule or "rules that were not asked for"
    return f"{name} ({field})" if field else name


def _because_of(field: str) -> str:
    return f", because of the field {field}" if field else ""

"""Evaluates rules for events that are not known completely, and counts the rules that cannot be decided."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from falcohost.clock import Clock
from falcohost.engine import ir
from falcohost.engine.beginnings import may_be_cut, opened
from falcohost.engine.matcher import Matcher
from falcohost.engine.ruleset import Rule
from falcohost.events import Event
from falcohost.pipeline.frozen import Freezer

#: Seconds between two reports that rules could not be decided.
QUIET = 600.0
#: Maximum number of rules in one report.
MOST = 8


class Decision(NamedTuple):
    """The rules that an event matches, each with the event; and those that it may match, with the fields not known."""

    matches: list[tuple[Rule, Event]]
    undecided: dict[str, tuple[str, ...]]


class CutRules:
    """The rules of one source, over open fields.

    They are compiled when the first event needs them: most sources have no such events, others few.
    """

    def __init__(self, rules: Sequence[Rule], *, first: bool) -> None:
        self._rules = rules
        self._first = first
        self._freezers: dict[int, Freezer] = {}

    @functools.cached_property
    def _matcher(self) -> Matcher:
        return Matcher([_opened(rule) for rule in self._rules], first=self._first)

    def decide(self, views: Sequence[Event]) -> Decision:
        """Return the rules that an event matches whatever its unknown parts are, and those that depend on them."""
        matches: dict[str, tuple[Rule, Event]] = {}
        undecided: dict[str, tuple[str, ...]] = {}
        for rule, view in self._matcher.match_views(views):
            if rule.name in matches:
                continue
            candidate = self._freezer(rule).freeze(view)
            candidate.event.give_up()
            answer = candidate.decided()
            if answer:
                matches[rule.name] = candidate.rule, candidate.event
                if self._first:
                    break
            elif answer is None:
                undecided[rule.name] = candidate.freezer.unknown(candidate.event)
        return Decision(list(matches.values()), {name: why for name, why in undecided.items() if name not in matches})

    def _freezer(self, rule: Rule) -> Freezer:
        if id(rule) not in self._freezers:
            self._freezers[id(rule)] = Freezer(rule)
        return self._freezers[id(rule)]


def _opened(rule: Rule) -> Rule:
    if not may_be_cut(ir.fields(rule.condition)):
        return rule
    return replace(rule, condition=opened(rule.condition))


class Undecided(NamedTuple):
    """A rule that could not be decided on this number of events, because these fields are not known completely."""

    rule: str
    fields: tuple[str, ...]
    events: int


class UndecidedTally:
    """Counts events on which rules could not be decided.

    :ivar total: number of pairs of a rule and an event.
    """

    def __init__(self, clock: Clock) -> None:
        self.total = 0
        self._clock = clock
        self._events: Counter[str] = Counter()
        self._fields: dict[str, tuple[str, ...]] = {}
        self._quiet_until: dict[str, float] = {}

    def add(self, undecided: dict[str, tuple[str, ...]]) -> None:
        """Count an event that left these rules undecided."""
        self.total += len(undecided)
        self._events.update(undecided.keys())
        self._fields |= undecided

    def due(self) -> list[Undecided]:
        """Return the rules that are to be told of now, each at most every ten minutes."""
        now = self._clock.monotonic()
        found = [rule for rule in self._events if self._quiet_until.get(rule, now) <= now][:MOST]
        for rule in found:
            self._quiet_until[rule] = now + QUIET
        return [Undecided(rule, self._fields[rule], self._events.pop(rule)) for rule in found]

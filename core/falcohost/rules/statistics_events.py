"""Measures rules on a stream of events: how many are evaluated for each, how long that takes, how often they match."""

from __future__ import annotations

import statistics
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

from falcohost.engine.code.module import compile_condition
from falcohost.engine.matcher import Matcher
from falcohost.engine.ruleset import Rule
from falcohost.events import Event


@dataclass(slots=True)
class RuleCost:
    """The cost of one rule.

    :ivar times: how long each evaluation of its condition took, in nanoseconds.
    :ivar reported: how often it was the first rule that matched.
    """

    rule: Rule
    matches: int = 0
    reported: int = 0
    times: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def asked(self) -> int:
        """Return for how many events the rule was evaluated."""
        return len(self.times)

    @property
    def total(self) -> int:
        """Return the total time of its evaluations in nanoseconds."""
        return sum(self.times)

    @property
    def median(self) -> int:
        """Return the median time of an evaluation in nanoseconds."""
        return int(statistics.median(self.times)) if self.times else 0


class StreamCosts:
    """Evaluates the enabled *rules* of one source for each event, and records the cost.

    :ivar events: number of events; *candidates*: evaluations in all; *most*: evaluations for one event.
    :ivar matching: how many events matched a rule.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._matcher = Matcher(rules)
        self._conditions = {rule.name: compile_condition(rule.condition) for rule in rules}
        self.costs = {rule.name: RuleCost(rule) for rule in rules}
        self.events = self.candidates = self.most = self.matching = 0

    def take(self, event: Event) -> None:
        """Evaluate the rules for *event*."""
        candidates = self._matcher.candidates(event)
        self.events += 1
        self.candidates += len(candidates)
        self.most = max(self.most, len(candidates))
        matched = False
        for rule in candidates:
            cost, condition = self.costs[rule.name], self._conditions[rule.name]
            begin = perf_counter_ns()
            found = condition(event)
            cost.times.append(perf_counter_ns() - begin)
            if found:
                cost.matches += 1
                cost.reported += not matched
                matched = True
        self.matching += matched

"""Counts the alerts of a run for the summary, which is printed at the end exactly as Falco prints it, or as JSON.

What follows Falco's lines says which rules could not be evaluated, if there are any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from falcohost.alert import Alert, Priority
from falcohost.engine.texts import escaped_json, printable, valid
from falcohost.store.outline import Outline

#: Most lines about rules that could not be evaluated.
MOST_FAULTS: Final = 20


class Counts:
    """New alerts, by rule and by priority."""

    def __init__(self) -> None:
        self.rules: Counter[str] = Counter()
        self.priorities: Counter[int] = Counter()

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.rules)

    def add(self, alerts: Iterable[Alert | Outline]) -> None:
        """Count *alerts*."""
        known = [*alerts]
        self.rules.update([alert.rule for alert in known])
        self.priorities.update([int(alert.priority) for alert in known])
        for alert in known:
            if alert.count != 1:  # few are
                self.rules[alert.rule] += alert.count - 1
                self.priorities[int(alert.priority)] += alert.count - 1

    def clear(self) -> None:
        """Begin anew."""
        self.rules.clear()
        self.priorities.clear()


class Summary:
    """Counts alerts by severity and rule.

    :param rules: names of the rules in order of definition, which is the order of the lines.
    """

    def __init__(self, rules: Sequence[str]) -> None:
        self._rules = list(rules)
        self._known = set(rules)
        self._by_rule: Counter[str] = Counter()
        self._by_priority: Counter[Priority] = Counter()

    def take_rules(self, rules: Sequence[str]) -> None:
        """Switch to new rules; former rules keep their lines, after those of the new ones."""
        self._rules = list(dict.fromkeys([*rules, *self._rules]))
        self._known.update(rules)

    def count(self, rules: Mapping[str, int], priorities: Mapping[int, int]) -> None:
        """Add new alerts, by rule and by priority. Rules that there are not are left out."""
        self._by_rule.update({rule: number for rule, number in rules.items() if rule in self._known})
        self._by_priority.update({Priority(priority): number for priority, number in priorities.items()})

    @property
    def has_alerts(self) -> bool:
        """Return whether there was an alert."""
        return bool(self._by_rule)

    def text(self, faults: Mapping[str, int] = MappingProxyType({})) -> str:
        """Return the summary; *faults*: how often rules could not be evaluated, by rule and field."""
        severities = [f"   {p.short}: {self._by_priority[p]}" for p in Priority if self._by_priority[p]]
        rules = [f"   {printable(name)}: {self._by_rule[name]}" for name in self._rules if self._by_rule[name]]
        lines = [
            f"Events detected: {self._by_rule.total()}",
            "Rule counts by severity:",
            *severities,
            "Triggered rules by rule name:",
            *rules,
            *_about(faults),
        ]
        return "\n".join(lines) + "\n"

    def json(self, faults: Mapping[str, int] = MappingProxyType({})) -> str:
        """Return the summary as one line of JSON: all of what :meth:`text` says, under names of its own."""
        told = {
            "events_detected": self._by_rule.total(),
            "by_severity": {p.short: self._by_priority[p] for p in Priority if self._by_priority[p]},
            "by_rule": {valid(name): self._by_rule[name] for name in self._rules if self._by_rule[name]},
            "not_evaluated": {valid(name): count for name, count in faults.items()},
        }
        return escaped_json(msgspec.json.encode(told)).decode() + "\n"


def _about(faults: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines about rules that could not be evaluated: those that failed most often."""
    most = sorted(faults.items(), key=lambda fault: (-fault[1], fault[0]))
    if most:
        yield "Rules that could not be evaluated (because of the field), by number of events:"
    for name, count in most[:MOST_FAULTS]:
        yield f"   {printable(name)}: {count}"
    if others := most[MOST_FAULTS:]:
        yield f"   {len(others)} others: {sum(count for _, count in others)}"

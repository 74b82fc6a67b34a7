"""Counts the alerts of a run for the summary, which is printed at the end exactly as Falco prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from falcohost.alert import Alert, Priority
from falcohost.engine.texts import printable


class Summary:
    """Counts alerts by severity and rule.

    :param rules: names of the rules in order of definition, which is the order of the lines.
    """

    def __init__(self, rules: Sequence[str]) -> None:
        self._rules = list(rules)
        self._by_rule: Counter[str] = Counter()
        self._by_priority: Counter[Priority] = Counter()

    def take_rules(self, rules: Sequence[str]) -> None:
        """Switch to new rules; former rules keep their lines, after those of the new ones."""
        self._rules = list(dict.fromkeys([*rules, *self._rules]))

    def add(self, alerts: Iterable[Alert]) -> None:
        """Count *alerts*."""
        for alert in alerts:
            self._by_rule[alert.rule] += alert.count
            self._by_priority[alert.priority] += alert.count

    @property
    def has_alerts(self) -> bool:
        """Return whether there was an alert."""
        return bool(self._by_rule)

    def text(self) -> str:
        """Return the summary."""
        severities = [f"   {p.short}: {self._by_priority[p]}" for p in Priority if self._by_priority[p]]
        rules = [f"   {printable(name)}: {self._by_rule[name]}" for name in self._rules if self._by_rule[name]]
        lines = [
            f"Events detected: {self._by_rule.total()}",
            "Rule counts by severity:",
            *severities,
            "Triggered rules by rule name:",
            *rules,
        ]
        return "\n".join(lines) + "\n"

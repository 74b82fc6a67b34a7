"""Puts stored alerts to the enabled rules: an alert keeps what its rule's condition read, and what its output shows.

What a rule asks besides is unknown, not absent, so that the answer may be unknown too. And what raised no alert then is
not stored: a rule that is wider than those of that time would have fired more often than is counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from falcohost.backtest.tally import Tally
from falcohost.engine.alerts import INTERNAL
from falcohost.engine.explain.trace import trace
from falcohost.engine.explain.values import EventReader, EventValueError, KnownValues
from falcohost.engine.ir import And, Expr, Not, Or
from falcohost.engine.ruleset import Rule
from falcohost.ruletests.runner import Loaded
from falcohost.store.history import StoredAlert


class StoredReader:
    """Counts in *tallies*, by rule, which of them match stored alerts.

    :param data: returns an alert as plain data, with the values that its condition read.
    :ivar alerts: number of alerts that were read; *unread*: of those, whose values do not fit their fields any more.
    :ivar first: the time of the first alert, *last*: that of the last.
    """

    def __init__(
        self, loaded: Loaded, tallies: Mapping[str, Tally], data: Callable[[StoredAlert], dict[str, Any]]
    ) -> None:
        self._loaded = loaded
        self._data = data
        self._by_source: dict[str, list[Tally]] = {}
        for tally in tallies.values():
            self._by_source.setdefault(tally.rule.source, []).append(tally)
        self._readers: dict[str, EventReader] = {}
        self._seen: set[tuple[str, str, int]] = set()
        self.alerts = self.unread = self.first = self.last = 0

    def take(self, stored: Iterable[StoredAlert]) -> None:
        """Read alerts."""
        for one in stored:
            alert = one.alert
            tallies = self._by_source.get(alert.source, ())
            if alert.source == INTERNAL or not tallies:
                continue
            self.alerts += 1
            self.first = min(self.first or alert.time, alert.time)
            self.last = max(self.last, alert.time)
            data = self._data(one)
            try:
                known = self._reader(alert.source).read(data)
            except EventValueError:
                self.unread += 1
                continue
            shown, answers = {**data.get("condition_fields", {}), **data["output_fields"]}, _Answers(known)
            for tally in tallies:
                self._judge(tally, one, answers.to(tally.rule), shown)

    def _judge(self, tally: Tally, one: StoredAlert, answer: bool | None, shown: Mapping[str, object]) -> None:
        rule, alert = tally.rule, one.alert
        if answer is None:
            tally.undecided += 1
        if not answer:
            return
        key = (rule.name, alert.source, alert.time)  # several rules may have raised alerts of one event
        if key in self._seen:
            return
        self._seen.add(key)
        values = [_text(shown.get(name)) for name in tally.fields]
        tally.add(alert.time, values, count=alert.count if rule.name == alert.rule else 1)
        if tally.wants_sample:
            tally.sample(alert.time, alert.message)

    def _reader(self, source: str) -> EventReader:
        if source not in self._readers:
            spec = self._loaded.sources[source]
            self._readers[source] = EventReader(self._loaded.catalogs[source], spec.event_types)
        return self._readers[source]


class _Answers:
    """Answers conditions for one alert, of which the values *known* are known. Rules share checks, so each is kept."""

    def __init__(self, known: KnownValues) -> None:
        self._known = known
        self._checks: dict[int, bool | None] = {}
        event_type = known.values.get(("evt.type", None))
        self._type = event_type if isinstance(event_type, str) else None

    def to(self, rule: Rule) -> bool | None:
        """Return whether *rule* matches; None: that is not known."""
        if self._type is not None and rule.event_types is not None and self._type not in rule.event_types:
            return False
        return self._of(rule.condition)

    def _of(self, expr: Expr) -> bool | None:
        if isinstance(expr, Not):
            answer = self._of(expr.item)
            return None if answer is None else not answer
        if isinstance(expr, (And, Or)):
            decisive = isinstance(expr, Or)
            answer = not decisive
            for item in expr.items:
                found = self._of(item)
                if found is decisive:
                    return decisive
                answer = None if found is None else answer
            return answer
        if id(expr) not in self._checks:
            self._checks[id(expr)] = trace(expr, self._known.value, self._known.answer).answer
        return self._checks[id(expr)]


def _text(value: object) -> str:
    return "<NA>" if value is None else str(value)

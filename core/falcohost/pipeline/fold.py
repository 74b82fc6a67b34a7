"""Folds floods of similar matches into one counted alert, so that nobody can flood the agent's output with one rule.

An event may have an actor (:class:`~falcohost.events.HasActor`). A match is folded if there were, in the same window,
already

- ``after`` alerts of the same rule, the same actor and the same output, or
- :data:`PER_ACTOR` times as many of the same rule and actor, whatever their outputs, or
- :data:`PER_RULE` times as many of the same rule.

The first folded match is made into an alert and kept back; the others are counted. When the window ends, the kept alert
is sent with their number. Counts are exact: each match has an alert of its own or is counted once.

Where folded matches have different outputs, the alert lists the distinct values of the fields in them
(:mod:`falcohost.pipeline.distinct`), so that nobody can hide a match among others. When the list is full, the alert is
sent, and another one begins; beyond :data:`MOST_LISTS` lists of one rule the last has a sample.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import bounded, within
from falcohost.engine.render import text_of
from falcohost.engine.ruleset import Rule
from falcohost.engine.times import SECOND, rfc3339
from falcohost.events import Event, actor_of, complete_for, subjects_of
from falcohost.pipeline.settings import FoldConfig
from falcohost.subject import MOST_SUBJECTS, Subject

if TYPE_CHECKING:
    from falcohost.pipeline.distinct import Distinct

#: Returns the alert of a match.
Make: TypeAlias = Callable[[Rule, Event], Alert]

#: Multiples of ``after``: alerts of one rule and actor, and of one rule, before the rest is folded.
PER_ACTOR = 10
PER_RULE = 100

#: Most outputs and actors that are remembered, half of them for one actor; beyond that, the window of the least
#: recently active actor ends.
MOST_REMEMBERED = 1 << 15

#: Most alerts of one rule with full lists of values, in one window.
MOST_LISTS = 64

#: The text in a counted alert for what its matches have in common.
_SAME = {
    "output": "",
    "actor": ", same rule and actor, values of the first",
    "rule": ", same rule, values of the first",
}

#: Characters that separate values in a text.
_SEPARATORS = frozenset(',;"')


class _Tally:
    """Counts matches with alerts of their own, and matches folded into *alert*, the last of which was at *last*.

    :ivar subjects: subjects of the folded matches other than that of *alert*, by actor.
    :ivar values: the values of their fields; None where they are the same.
    """

    __slots__ = ("alert", "folded", "last", "subjects", "told", "values")

    def __init__(self) -> None:
        self.told = 0
        self.clear()

    def clear(self) -> None:
        """Begin to fold anew."""
        self.folded = 0
        self.last = 0
        self.alert: Alert | None = None
        self.subjects: dict[object, tuple[Subject, ...]] = {}
        self.values: Distinct | None = None


class _Window(_Tally):
    """A tally since *start* (time of its first event); *opened* is the start by the worker's clock.

    :ivar lists: number of full lists of values that were sent.
    """

    __slots__ = ("lists", "opened", "outputs", "start")

    def __init__(self, start: int, opened: float) -> None:
        super().__init__()
        self.start = start
        self.opened = opened
        self.outputs: dict[int, _Tally] = {}
        self.lists = 0


class Fold:
    """Takes the matches of a source that does not rewind.

    :param make: returns the alert of a match.
    :param add: receives the alerts of single matches; *tell*: those that tell counts.
    :ivar folded: by rule, the number of matches that are only counted in another alert.
    """

    def __init__(
        self,
        config: FoldConfig,
        make: Make,
        add: Callable[[Alert], None],
        tell: Callable[[Alert], None],
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self.folded: Counter[str] = Counter()
        self._open = 0
        self._after = config.after
        self._seconds = config.window
        self._span = int(config.window * SECOND)
        self._make = make
        self._add = add
        self._tell_counts = tell
        self._clock = clock
        self._now = clock.monotonic()
        self._rules: dict[str, _Window] = {}
        self._actors: OrderedDict[tuple[str, object], _Window] = OrderedDict()
        self._outputs = 0

    def take(self, rule: Rule, event: Event) -> None:
        """Make an alert of the match of *rule* and *event*, or count it."""
        ts, after, name = event.ts, self._after, rule.name
        everyone = self._rules.get(name)
        if everyone is None or not -self._span < ts - everyone.start < self._span:
            everyone = self._new_rule(name, ts)
        if everyone.told >= after * PER_RULE:
            self._fold_with_values(everyone, everyone, "rule", rule, event)
            return
        who = actor_of(event)
        place = (name, who)
        actor = self._actors.get(place)
        if actor is None or not -self._span < ts - actor.start < self._span:
            actor = self._new_actor(place, ts)
        else:
            self._actors.move_to_end(place)
        too_many = who is not None and actor.told >= after * PER_ACTOR
        if too_many or len(actor.outputs) >= MOST_REMEMBERED // 2:
            self._fold_with_values(actor, everyone, "rule" if who is None else "actor", rule, event)
            return
        same = rule.output.same
        if actor.told < after:  # so there are fewer than that of any output
            alert = self._make(rule, event)
            output = self._output(actor, same(event))
        else:
            complete_for(event, rule.output.fields)
            output = self._output(actor, same(event))
            if output.told >= after:
                self._fold(output, rule, event)
                return
            alert = self._make(rule, event)
        everyone.told += 1
        actor.told += 1
        output.told += 1
        self._add(alert)

    @property
    def is_open(self) -> bool:
        """Return whether there are matches that are counted and not told yet."""
        return self._open > 0

    def untold(self) -> Iterator[Alert]:
        """Yield the alerts that would be told if every window ended now."""
        for (_, who), actor in self._actors.items():
            for output in actor.outputs.values():
                yield from self._alert_of(output, "output")
            yield from self._alert_of(actor, "rule" if who is None else "actor")
        for window in self._rules.values():
            yield from self._alert_of(window, "rule")

    def tick(self) -> None:
        """End the windows whose time is over even though no further event arrived."""
        self._now = self._clock.monotonic()
        over = self._now - self._seconds
        for place in [place for place, window in self._actors.items() if window.opened <= over]:
            self._end_actor(place)
        for name in [name for name, window in self._rules.items() if window.opened <= over]:
            self._tell(self._rules.pop(name), "rule")

    def flush(self) -> None:
        """End every window."""
        for place in list(self._actors):
            self._end_actor(place)
        for window in self._rules.values():
            self._tell(window, "rule")
        self._rules.clear()

    def _fold(self, tally: _Tally, rule: Rule, event: Event) -> None:
        if tally.alert is None:
            tally.alert = self._make(rule, event)
            self._open += 1
        else:
            self.folded[rule.name] += 1
            self._keep_subject(tally, event)
        tally.folded += 1
        if event.ts > tally.last:
            tally.last = event.ts

    def _fold_with_values(self, tally: _Tally, everyone: _Window, same: str, rule: Rule, event: Event) -> None:
        """Fold a match, and keep the values in its output; when there are many, tell them at once."""
        complete_for(event, rule.output.fields)
        values = rule.output.shown(event)
        if tally.values is None:
            from falcohost.pipeline.distinct import Distinct  # only much that is alike has values that differ

            tally.values = Distinct(rule.output.lasting, sampling=everyone.lists >= MOST_LISTS)
        self._fold(tally, rule, event)
        tally.values.add(values)
        if not tally.values.sampling and tally.values.full:
            everyone.lists += 1
            self._tell(tally, same)
            tally.clear()

    def _keep_subject(self, tally: _Tally, event: Event) -> None:
        """Keep the subject of *event*, once per actor, up to the limit."""
        if len(tally.subjects) < MOST_SUBJECTS:
            who = actor_of(event)
            who = tally.folded if who is None else who
            if who not in tally.subjects and (subjects := subjects_of(event)):
                tally.subjects[who] = subjects

    def _new_rule(self, name: str, ts: int) -> _Window:
        if name in self._rules:
            self._tell(self._rules[name], "rule")
        window = self._rules[name] = _Window(ts, self._now)
        return window

    def _new_actor(self, place: tuple[str, object], ts: int) -> _Window:
        if place in self._actors:
            self._end_actor(place)
        self._forget()
        window = self._actors[place] = _Window(ts, self._now)
        return window

    def _end_actor(self, place: tuple[str, object]) -> None:
        window = self._actors.pop(place)
        self._outputs -= len(window.outputs)
        for output in window.outputs.values():
            self._tell(output, "output")
        self._tell(window, "rule" if place[1] is None else "actor")

    def _output(self, actor: _Window, key: int) -> _Tally:
        tally = actor.outputs.get(key)
        if tally is None:
            tally = actor.outputs[key] = _Tally()
            self._outputs += 1
            self._forget()
        return tally

    def _forget(self) -> None:
        while self._outputs + len(self._actors) > MOST_REMEMBERED:
            self._end_actor(next(iter(self._actors)))

    def _tell(self, tally: _Tally, same: str) -> None:
        for alert in self._alert_of(tally, same):
            self._open -= 1
            self._tell_counts(alert)

    def _alert_of(self, tally: _Tally, same: str) -> Iterator[Alert]:
        if tally.alert is not None:
            alert = counted(tally.alert, tally.folded, within(tally.last), same, tally.values)
            yield about(alert, tally.subjects.values()) if tally.subjects else alert


def about(alert: Alert, others: Iterable[tuple[Subject, ...]]) -> Alert:
    """Return *alert* with the subjects of *others* added to its own, each once.

    The first subject of each comes first, so that an alert with many subjects does not crowd out the others.
    """
    every = (alert.subjects, *others)
    in_order = (*(one for some in every for one in some[:1]), *(one for some in every for one in some[1:]))
    return msgspec.structs.replace(alert, subjects=tuple(dict.fromkeys(map(bounded, in_order)))[:MOST_SUBJECTS])


def counted(alert: Alert, count: int, last: int, same: str, values: Distinct | None = None) -> Alert:
    """Return *alert* changed to stand for *count* matches, the last of which was at *last*; *same*: what they share.

    :param values: the values of the fields in their outputs.
    """
    if count == 1:
        return alert
    listed = {} if values is None else values.listed()
    left_out = 0 if values is None else values.left_out
    said = f" ({count} times until {rfc3339(last)}{_SAME[same]}{_said(listed, left_out)})"
    fields: dict[str, object] = {
        "falcohost.count": count,
        "falcohost.first": alert.time,
        "falcohost.last": last,
        "falcohost.same": same,
    }
    fields |= {f"falcohost.values.{name}": of_field for name, of_field in listed.items()}
    if left_out:
        fields["falcohost.left_out"] = left_out
    return msgspec.structs.replace(
        alert,
        message=alert.message + said,
        output=alert.output + said,
        fields={**alert.fields, **fields},
        count=count,
    )


def _said(listed: Mapping[str, list[object]], left_out: int) -> str:
    """Return the values of each field as text."""
    said = [f"; {name}: {', '.join(_quoted(text_of(value)) for value in values)}" for name, values in listed.items()]
    return "".join(said) + (f"; {left_out} values left out" if left_out else "")


def _quoted(text: str) -> str:
    """Return *text* in quotes where it could be taken for several values."""
    if _SEPARATORS.isdisjoint(text):
        return text
    inside = text.replace('"', "'")
    return f'"{inside}"'

"""The pipeline: source → matcher → pending → fold → alerts.

Its user passes it the batches of the source, and a sink for the alerts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Final, Protocol, cast

import msgspec

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.ruleset import Rule
from falcohost.errors import UnknownValueError
from falcohost.events import Batch, Event, MarkedSource, Viewed
from falcohost.helpers import Helper
from falcohost.pipeline.faults import Salvage, fault
from falcohost.pipeline.fold import Fold, Make
from falcohost.pipeline.frozen import Frozen
from falcohost.pipeline.pending import Pending, Take
from falcohost.pipeline.positions import Keeper, Positions
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import PipelineConfig
from falcohost.pipeline.spent import Spending
from falcohost.pipeline.tally import Tally
from falcohost.pipeline.undecided import UndecidedTally

#: Most matches of events that an earlier worker may have read that are told by themselves, before floods are folded.
MOST_AGAIN: Final = 2048


class Sink(Protocol):
    """Receives alerts.

    :ivar rewinds: an alert may come again: the source has cursors, or reads what an earlier worker may have read.
    """

    rewinds: bool

    def add(self, alert: Alert) -> None:
        """Receive an alert."""

    def flush(self, cursor: str | None) -> None:
        """Pass on the alerts that were added, with the *cursor* to store with them (None: no new one)."""

    def once_stored(self, call: Callable[[], object]) -> None:
        """Run *call* once the store has the alerts that were passed on; at once if it has."""


class Act(Protocol):
    """Acts on alerts.

    :ivar rules: the names of the rules on whose alerts it acts.
    """

    rules: Set[str]

    def ask(self, alert: Alert) -> None:
        """Act on *alert*; never waits."""


class Recording(Protocol):
    """Records events, for captures of what happens after alerts."""

    def watch(self, events: Iterable[Event]) -> Iterable[Event]:
        """Yield *events*, each once."""

    def may_match(self, event: Event, rules: Iterable[Rule]) -> None:
        """Hear of an event that *rules* may match; whether they do is known later."""

    def matched(self, rule: Rule, event: Event) -> None:
        """Hear of a match."""


class Pipeline:
    """Turns the batches of one source into alerts.

    :param make: returns the alert of a match.
    :param keeper: keeps what is only counted.
    :param act: acts on alerts of some rules; None: nothing does.
    :param recording: records events; None: nothing does.
    :param add: adds the alert of a match to *sink* without making it first; None: it is made.
    :ivar tally: counts matches.
    :ivar pending: holds candidates that wait for lookups.
    :ivar fold: folds similar matches.
    :ivar last: the last event that was matched.
    :ivar spending: measures on request what events cost here.
    """

    def __init__(
        self,
        rules: Rules,
        make: Make,
        sink: Sink,
        config: PipelineConfig | None = None,
        *,
        keeper: Keeper | None = None,
        act: Act | None = None,
        recording: Recording | None = None,
        add: Take | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        config = config or PipelineConfig()
        self._add = add
        self._make = make
        self._act = act
        self.recording = recording
        self.tally = Tally(clock)
        self.undecided = UndecidedTally(clock)
        self.pending = Pending(config.wait, self._matched, self.tally.fails, clock)
        self.fold = Fold(config.fold, self._made, sink.add, self._tell_counts, clock=clock)
        self._positions = Positions(self.fold, sink, keeper, clock)
        self.last: Event | None = None
        self.spending = Spending()
        self._rules = rules
        self._sink = sink
        self._folds = config.fold.enabled
        self._amid = False
        self._again = MOST_AGAIN

    def begin(self, source: MarkedSource | None = None) -> None:
        """Tell what an earlier worker has only counted. Call this once, when the store is there.

        :param source: the source, if it keeps marks.
        """
        self._positions.begin(source)

    def open_lookups(self, rules: Rules, helpers: Mapping[str, Helper] = MappingProxyType({})) -> None:
        """Open the lookups that *rules* read, unless they are open; *helpers* are the processes that ask for them.

        :raises Exception: whatever a plugin raises that cannot open its lookup.
        """
        for lookup in rules.lookups:
            lookup.open(helpers)
        self.pending.watch(rules.lookups)

    def take(self, batch: Batch) -> None:
        """Match every event of *batch*. This is the hot path: nothing is allocated for events without a match."""
        self._amid = batch.stored is not None
        rules, views, event = self._rules, batch.views, self.last
        may_wait = bool(rules.lookups or self.pending)
        if may_wait:
            self.pending.poll()
        match, match_views = rules.match, rules.match_views
        if batch.cursor is not None or batch.again:
            self._sink.rewinds = True
        elif batch.stored is not None and not self.pending:
            self._sink.rewinds = False
        alert = self._alert if may_wait or self._add is None else self._add
        take: Take = self.fold.take if self._folds and batch.cursor is None else alert
        if batch.again and self._again > 0:
            take = self._alert_again
        take = take if self._act is None else self._acting(take)
        events = batch.events
        if self.recording is not None:
            events, take = self.recording.watch(events), self._recorded(take, self.recording)
        if self.spending.on:
            events = self.spending.watch(events)
        matched = self._may_match if may_wait else self._matched
        told = batch.matched
        for event in cast("Iterable[Viewed]", events):
            try:
                if views and (others := event.alternatives):
                    if found := match_views((event, *others)):
                        if told is not None:
                            told(event)
                        matched(event, found, take)
                elif met := match(event):
                    if told is not None:
                        told(event)
                    if may_wait:
                        matched(event, [(rule, event) for rule in met], take)
                    else:
                        self._met(event, met, take)
            except UnknownValueError:
                self._take_cut(event, (event, *event.alternatives) if views else (event,), take)
            except Exception as error:
                self._take_single(event, (event, *event.alternatives) if views else (event,), error, take)
        self.last = event
        if self.pending:
            self.pending.poll()  # what a lookup of this process can say at once
        if self.pending:
            self._sink.flush(None)
            self.pending.then(lambda: self._reached(batch.cursor, batch.stored))
        else:
            self._reached(batch.cursor, batch.stored)
        self._amid = False

    def answered(self) -> None:
        """Decide what the rows decide that have come, and pass it on; for while the source waits."""
        self.pending.poll()
        self._sink.flush(None)

    def go_over(self, rules: Rules, then: Callable[[], None] = lambda: None) -> None:
        """Match with *rules* from now on; run *then* once everything that waits for the former rules is decided."""
        self.fold.flush()
        self._rules = rules
        self.pending.then(then)

    def tick(self) -> None:
        """Do what is due by the clock. Call this about once a second."""
        self.fold.tick()
        self._positions.tick()

    def finish(self, by: float | None = None) -> None:
        """Pass on everything that is held back; wait for lookups until the monotonic time *by* at most.

        After a batch that was interrupted, and that will be read again, only what is ready: the rest comes again.
        """
        if self._amid:
            self._sink.flush(None)
            return
        self.pending.finish(by)
        self.fold.flush()
        self._sink.flush(None)
        self._positions.keep()

    def close(self) -> None:
        """Close the lookups. Call this once, at the end."""
        self.pending.close()

    def _may_match(self, event: Event, found: Sequence[tuple[Rule, Event]], take: Take) -> None:
        if self.recording is not None:
            self.recording.may_match(event, [rule for rule, _ in found])
        self.pending.take(self._rules, event, found, take)

    def _take_cut(self, event: Event, views: Sequence[Event], take: Take) -> None:
        """Match an event of which not everything is known that rules ask for."""
        try:
            decision = self._rules.cut.decide(views)
            self.undecided.add(decision.undecided)
            if decision.matches:
                self._matched(event, decision.matches, take)
        except Exception as error:
            self.tally.fails(event, error)

    def _take_single(self, event: Event, views: Sequence[Event], error: Exception, take: Take) -> None:
        """Match an event on which a rule has failed with *error*: the other rules count."""
        found, faults = self._rules.single.ask(views) if self.tally.may_ask() else Salvage([], [])
        self.tally.fails(event, error, faults)
        with contextlib.suppress(Exception):  # the error that is counted
            if found:
                (self._may_match if self._rules.lookups or self.pending else self._matched)(event, found, take)

    def _matched(self, event: Event, found: Sequence[tuple[Rule, Event]], take: Take) -> None:
        self.tally.matches(event, [rule for rule, _ in found])
        for rule, view in found:
            try:
                take(rule, view)
            except Exception as error:
                self.tally.fails(event, error, [fault(rule, view, error)])

    def _met(self, event: Event, rules: Sequence[Rule], take: Take) -> None:
        """Pass on the matches of an event that has one view, as :meth:`_matched` does."""
        self.tally.matches(event, rules)
        for rule in rules:
            try:
                take(rule, event)
            except Exception as error:
                self.tally.fails(event, error, [fault(rule, event, error)])

    def _alert(self, rule: Rule, event: Event) -> None:
        if self._add is not None and event.__class__ is not Frozen:
            self._add(rule, event)
        else:
            self._sink.add(self._made(rule, event))

    def _tell_counts(self, alert: Alert) -> None:
        self._positions.tell(alert)

    def _acting(self, take: Take) -> Take:
        """Return what acts on a match, if its rule has actions, and then passes it to *take*, which may fold it."""
        act = self._act
        assert act is not None

        def first(rule: Rule, event: Event) -> None:
            if rule.name in act.rules:
                with contextlib.suppress(Exception):  # the alert is made anew next, where an error counts
                    act.ask(self._made(rule, event))
            take(rule, event)

        return first

    @staticmethod
    def _recorded(take: Take, recording: Recording) -> Take:
        """Return what has a match recorded, and then passes it to *take*, which may fold it."""

        def first(rule: Rule, event: Event) -> None:
            recording.matched(rule, event)
            take(rule, event)

        return first

    def _alert_again(self, rule: Rule, event: Event) -> None:
        """Tell a match by itself, since an earlier worker may have done so; the store leaves it out then."""
        self._again -= 1
        (self._alert if self._again >= 0 or not self._folds else self.fold.take)(rule, event)

    def _made(self, rule: Rule, event: Event) -> Alert:
        """Return the alert of a match, with a field that lists the values that did not arrive in time."""
        alert = self._make(rule, event)
        if not isinstance(event, Frozen):
            return alert
        if event.read:
            alert = msgspec.structs.replace(alert, read=event.read)
        if not event.missing:
            return alert
        return msgspec.structs.replace(alert, fields={**alert.fields, "falcohost.missing": list(event.missing)})

    def _reached(self, cursor: str | None, stored: Callable[[], object] | None) -> None:
        if cursor is not None:
            self.fold.flush()  # a cursor must not overtake matches that are only counted
            self._positions.pass_on()
        self._sink.flush(cursor)
        if cursor is None:
            self._positions.reached(stored)

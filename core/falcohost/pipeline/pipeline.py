"""The pipeline: source → matcher → fold → alerts. What runs it hands it batches, and gives it a sink for the alerts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, cast

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.ruleset import Rule
from falcohost.events import Batch, Event, Viewed
from falcohost.pipeline.fold import Fold, Make
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import FoldConfig
from falcohost.pipeline.tally import Tally


class Sink(Protocol):
    """Takes alerts on their way.

    :ivar rewinds: the source of the alerts that are added from now on has cursors.
    """

    rewinds: bool

    def add(self, alert: Alert) -> None:
        """Take an alert."""

    def flush(self, cursor: str | None) -> None:
        """Pass on what was added, with the *cursor* that is true once it is stored (None: no new one)."""


class Pipeline:
    """Turns the batches of one source into alerts.

    :param make: returns the alert of a match.
    :ivar tally: counts of matches.
    :ivar fold: holds the matches that are alike.
    :ivar last: the event that was matched last.
    """

    def __init__(
        self,
        rules: Rules,
        make: Make,
        sink: Sink,
        fold: FoldConfig,
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self.tally = Tally(clock)
        self.fold = Fold(fold, make, sink.add, clock=clock)
        self.last: Event | None = None
        self._rules = rules
        self._make = make
        self._sink = sink
        self._folds = fold.enabled

    def take(self, batch: Batch) -> None:
        """Match every event of *batch*. This is the hot path: nothing is made per event that matches nothing."""
        self._sink.rewinds = rewinds = batch.cursor is not None
        take = self.fold.take if self._folds and not rewinds else self._alert
        match, tally, views = self._rules.match, self.tally, batch.views
        event = self.last
        for event in cast("Iterable[Viewed]", batch.events):
            try:
                if views and (others := event.alternatives):
                    if found := self._rules.match_views((event, *others)):
                        tally.matches(event, [rule for rule, _ in found])
                        for rule, view in found:
                            take(rule, view)
                elif rules := match(event):
                    tally.matches(event, rules)
                    for rule in rules:
                        take(rule, event)
            except Exception as error:
                tally.fails(event, error)
        self.last = event
        if rewinds:
            self.fold.flush()  # no cursor passes what is only counted
        self._sink.flush(batch.cursor)

    def go_over(self, rules: Rules) -> None:
        """Match by *rules* from now on."""
        self.fold.flush()
        self._rules = rules

    def tick(self) -> None:
        """Do what is due by the clock; to be called about once a second."""
        self.fold.tick()

    def finish(self) -> None:
        """Pass on everything that is held back."""
        self.fold.flush()
        self._sink.flush(None)

    def _alert(self, rule: Rule, event: Event) -> None:
        self._sink.add(self._make(rule, event))

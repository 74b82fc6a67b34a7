"""The loop of a worker: passes batches to the pipeline, and handles the supervisor's messages between batches."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from falcohost.agent import KnowsAgent
from falcohost.counters import from_attributes
from falcohost.events import AwaitingSource, Batch, MeasuredSource, Source
from falcohost.host import wire
from falcohost.host.capturing.captures import Captures
from falcohost.host.helping import Helpers
from falcohost.host.memory import release
from falcohost.host.numbers import LookupNumbers, Numbers, counted
from falcohost.host.stalled import Stalled
from falcohost.host.task import Task
from falcohost.host.uplink import Uplink
from falcohost.needs import GENEROUS, THREADS, Needs, needs_of
from falcohost.pipeline.lookups import LoadedLookup
from falcohost.pipeline.patterns import lacks_re2
from falcohost.pipeline.pipeline import Pipeline
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.waker import Waker
from falcohost.retries import failing
from falcohost.sentinel import SentinelSource

#: Seconds between two reports, or a little more: a source has a batch twice a second. It is less than a second, so that
#: the supervisor, which has something to do each second, does that with a report.
REPORTS = 0.9

#: Most characters of what a lookup says that it does not reach.
MOST_REASON = 500

#: Most seconds that a stopping worker keeps reading events from before the stop. A source that rewinds reads the rest
#: after the next start.
LINGER, LINGER_REWINDING = 3.0, 1.0

#: Seconds for which a beginning worker waits for the supervisor's next message, until it looks whether it was stopped.
MEETS = 0.1

#: Seconds after that for which a match may still wait for a lookup.
WAITING = 1.0


class Work:
    """Passes the batches of *source* to *pipeline*.

    :param confined: what this process may do.
    :param helpers: the processes that work for the source and its lookups.
    :param stopped: returns whether the worker was told to stop.
    :param captures: what records events; None: nothing does.
    """

    def __init__(
        self,
        task: Task,
        source: Source,
        pipeline: Pipeline,
        uplink: Uplink,
        confined: Needs,
        helpers: Helpers,
        stopped: Callable[[], bool],
        captures: Captures | None = None,
    ) -> None:
        self._task = task
        self._source = source
        self._pipeline = pipeline
        self._uplink = uplink
        self._confined = confined
        self._helpers = helpers
        self._stopped = stopped
        self._captures = captures
        self._stopping: tuple[float, int] | None = None  # time of the stop, by both clocks
        self._measuring = False
        self._lost: Mapping[str, int] = {}
        self._due = 0.0

    def run(self) -> None:
        """Work until the source ends or, after a stop, until the events from before the stop have been read."""
        if isinstance(self._source, AwaitingSource):
            self._source.stored_at(self._uplink.store_descriptor)
        with Waker(self._pipeline) as waker:
            try:
                self._meet()
                self._read(waker, _Collector())
            except (Exception, Stalled):
                with suppress(Exception):  # the first one is the reason
                    self._report()
                raise
        self._pipeline.finish(None if self._stopping is None else self._stopping[0] + LINGER + WAITING)
        if self._captures is not None:
            self._captures.close()
        self._report()
        self._tell_undecided()
        self._uplink.finish(ended=not self._stopped())
        self._acknowledge()

    def _meet(self) -> None:
        """Wait until a source that asks for the agent's processes knows them: its first events may be about them."""
        met = not isinstance(self._source, KnowsAgent)
        while not met and not self._stopped():
            for message in self._uplink.wait(MEETS):
                self._obey(message)
                met = met or isinstance(message, wire.Processes)

    def _read(self, waker: Waker, collector: _Collector) -> None:
        for batch in self._source.batches():
            with waker.held():
                self._take(batch)
                if time.monotonic() >= self._due:
                    self._helpers.check()
                    self._pipeline.tick()
                    self._record()
                    waker.watch()
                    self._report()
                    self._tell_undecided()
                    collector.collect()
                    self._due = time.monotonic() + REPORTS
                if self._is_over(batch):
                    break

    def _take(self, batch: Batch) -> None:
        self._uplink.more, self._uplink.fleeting = batch.more, batch.fleeting
        self._pipeline.take(batch)
        self._acknowledge()
        for message in self._uplink.received():
            self._obey(message)

    def _record(self) -> None:
        """Have captures do what is due."""
        if self._captures is not None:
            self._captures.tick(self._source.stats().dropped)

    def _acknowledge(self) -> None:
        if (cursor := self._uplink.written()) is not None:
            self._source.ack(cursor)

    def _obey(self, message: wire.Down) -> None:
        if isinstance(message, wire.Measure):
            self._measure(message.on)
        elif isinstance(message, wire.NewRules):
            self._go_over(message)
        elif isinstance(message, wire.Processes) and isinstance(self._source, KnowsAgent):
            self._source.agent(message.processes)

    def _go_over(self, message: wire.NewRules) -> None:
        """Switch the source, then the matching, to new rules; on an error, report it and keep the old rules."""
        try:
            data = self._uplink.new_data()
            rules = self._task.decode(data)
            missing = self._helpers.miss({one.name for one in data.helpers}) or (rules.patterns and lacks_re2())
            if missing or not needs_for(self._source, rules) <= self._confined:
                self._uplink.send(wire.RulesTaken(message.number, renew=True))
                return
            self._pipeline.open_lookups(rules, self._helpers.running)
            self._source.update(rules.plan)
        except Exception as error:
            if isinstance(error, ImportError) and lacks_re2():
                self._uplink.send(wire.RulesTaken(message.number, renew=True))
                return
            text = wire.shortened(f"{type(error).__name__}: {error}", wire.MOST_TEXT)
            self._uplink.send(wire.RulesTaken(message.number, text))
            return
        self._uplink.act_on(data.actions)
        self._pipeline.go_over(rules, lambda: self._uplink.send(wire.RulesTaken(message.number)))
        self._due = 0.0  # they may have opened lookups

    def _measure(self, on: bool) -> None:
        self._measuring = self._pipeline.spending.on = on
        if isinstance(self._source, MeasuredSource):
            self._source.measure(on)
        self._due = 0.0

    def _is_over(self, batch: Batch) -> bool:
        """Return whether the worker was told to stop and all earlier events have been read."""
        if self._stopping is None:
            if self._stopped():
                self._stopping = time.monotonic(), time.time_ns()
            return False
        since, moment = self._stopping
        last = self._pipeline.last
        later = last is not None and last.ts > moment
        linger = LINGER_REWINDING if self._uplink.rewinds else LINGER
        return later or not batch.events or time.monotonic() > since + linger

    def _tell_undecided(self) -> None:
        """Tell which rules could not be decided, now and then."""
        for rule, fields, events in self._pipeline.undecided.due():
            self._uplink.send(wire.Undecided(rule, fields, events))

    def _report(self) -> None:
        tally, pending = self._pipeline.tally, self._pipeline.pending
        numbers = counted(
            self._source.stats(),
            matched=tally.matched,
            hit=tally.hit,
            spent=self._pipeline.spending.types,
            rules=tally.rules,
            failed=tally.failed,
            faults=tally.faults,
            captures={} if self._captures is None else self._captures.numbers,
            folded=self._pipeline.fold.folded,
            lookups={one.name: from_attributes(one, LookupNumbers) for one in pending.lookups},
            crowded=pending.crowded,
            retrying=failing(),
            unreached=_unreached(pending.lookups),
            of_lookups=_counted(pending.lookups),
        )
        heard = self._source.heard() if isinstance(self._source, SentinelSource) else None
        self._uplink.send(wire.Report(numbers, time.monotonic(), self._measuring, self._of_drops(numbers), heard))

    def _of_drops(self, numbers: Numbers) -> dict[str, str]:
        """Return the fields that the drop policy has for what was lost since the last report."""
        policy = self._task.drops
        if policy is None or (numbers.dropped == self._lost and not policy.simulate):
            return {}
        lost, self._lost = Counter(numbers.dropped) - Counter(self._lost), numbers.dropped
        return dict(policy.fields(lost))


def _unreached(lookups: Iterable[LoadedLookup]) -> dict[str, int]:
    """Return what lookups do not reach, by the lookup's name and why, with the seconds for which that has lasted."""
    told = {one.name: one.problem() for one in lookups}
    found = {name: problem for name, problem in told.items() if problem[0]}
    return {f"{name}: {why}"[:MOST_REASON]: max(int(seconds), 0) for name, (why, seconds) in found.items()}


def _counted(lookups: Iterable[LoadedLookup]) -> dict[str, int]:
    """Return what lookups count themselves, by the lookup's name and what it is."""
    return {f"{one.name}: {what}": number for one in lookups for what, number in one.counts().items()}


def needs_for(source: Source, rules: Rules) -> Needs:
    """Return what *source* needs, and the lookups that *rules* read: those with a helper only wait for its socket."""
    found = needs_of(source)
    if any(one.spec.helper is None for one in rules.lookups):
        return found | GENEROUS
    return found | Needs(frozenset({THREADS})) if rules.lookups else found


class _Collector:
    """Collects garbage by the clock: events make no cycles, so collecting by allocation count would waste time.

    Objects that exist already are exempt for good, which keeps their pages shared with the supervisor. What is freed is
    returned to the system once a minute, and before at calls that are ever further apart: conditions are compiled when
    an event needs them for the first time, which takes memory for a moment.
    """

    FULL = 60

    def __init__(self) -> None:
        gc.disable()
        gc.freeze()
        self._calls = 0

    def collect(self) -> None:
        """Collect the young generations; now and then, everything, and return freed memory to the system."""
        self._calls += 1
        early = self._calls < self.FULL and self._calls.bit_count() == 1
        if self._calls % self.FULL == 0 or early:
            release()
        else:
            gc.collect(1)

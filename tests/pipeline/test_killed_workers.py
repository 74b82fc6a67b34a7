"""A worker that is killed at any moment leaves its position, its alerts and its counts as they were at one moment."""

import itertools
import os

import pytest
from folded import CATALOG, START, Opened

from falcohost.engine.alerts import AlertMaker
from falcohost.engine.times import SECOND
from falcohost.events import Batch
from falcohost.host.kept_counts import KeptCounts, make_memory
from falcohost.pipeline.pipeline import Pipeline
from falcohost.pipeline.positions import PAUSE
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import FoldConfig, PipelineConfig
from falcohost.rules.loader import LoadOptions, load_rules
from falcohost.rules.places import RulesFile
from falcohost.testing.clock import ManualClock

RULE = "- {rule: opened, desc: d, condition: it.file exists, output: o, priority: NOTICE, source: test}"

#: Events, of which so many are in a batch; a window has as many as four batches.
EVENTS, IN_BATCH = 66, 3


FOUND = load_rules([RulesFile("rules.yaml", RULE)], {"test": CATALOG}, LoadOptions()).ruleset.enabled("test")


class Killed(BaseException):
    """The worker is killed."""


class Machine:
    """What outlives a worker.

    :ivar at: the position, as the number of events before it, and its mark.
    :ivar stored: the counts of alerts by their ids, in the order in which they have arrived.
    :ivar read: how far any worker has read.
    """

    def __init__(self, counts):
        self.counts, self.at, self.stored, self.read = counts, (0, 0), {}, 0
        self.left = None

    def moment(self):
        """Kill the worker, if this is the moment for that."""
        if self.left is not None:
            self.left -= 1
            if not self.left:
                raise Killed


class Words:
    """The words of some memory, each of which is stored at a moment of its own."""

    def __init__(self, words, moment):
        self._words, self._moment = words, moment

    def __getitem__(self, place):
        return self._words[place]

    def __setitem__(self, place, value):
        self._moment()
        self._words[place] = value


class Worker:
    """Reads the events of *machine* from its position on; says to the store what is told, and is its source.

    :param acknowledged: the store says after each so many batches that it has everything.
    """

    def __init__(self, machine, acknowledged):
        self.machine, self.acknowledged, self.rewinds = machine, acknowledged, False
        self.added, self.waiting, self.next_mark = [], [], machine.at[1]
        keeper = KeptCounts(machine.counts)
        keeper._memory._words = Words(keeper._memory._words, machine.moment)
        self.clock = ManualClock()
        self.pipeline = Pipeline(
            Rules.compiled("test", FOUND, first=False),
            AlertMaker("host").make,
            self,
            PipelineConfig(fold=FoldConfig(after=3, window=10)),
            keeper=keeper,
            clock=self.clock,
        )

    def add(self, alert):
        """Receive an alert."""
        self.machine.moment()
        self.added.append(alert)

    def flush(self, cursor):
        """Have the store get what was added."""
        added, self.added = self.added, []
        self.machine.moment()
        for alert in added:
            if alert.id in self.machine.stored:
                assert self.rewinds, "the store is not told that it may have this alert"
            else:
                self.machine.stored[alert.id] = alert.count
        self.machine.moment()

    def once_stored(self, call):
        """Have *call* run when the store says that it has everything."""
        self.waiting.append(call)

    def left(self):
        """Return the mark of the position."""
        return self.machine.at[1]

    def mark(self, number):
        """Keep it with the next position."""
        self.next_mark = number

    def move(self, position):
        """Move to a position."""
        self.machine.moment()
        self.machine.at = position, self.next_mark
        self.machine.moment()

    def run(self):
        """Read all events, and end."""
        self.pipeline.begin(self)
        until, position = self.machine.read, self.machine.at[0]
        for number in itertools.count(1):
            events = [Opened(at, START + at * SECOND * 9 // 10) for at in range(position, EVENTS)][:IN_BATCH]
            again, position = position < until, position + len(events)
            self.machine.read = max(self.machine.read, position)
            self.pipeline.take(Batch(events, stored=lambda to=position: self.move(to), again=again))
            if not number % self.acknowledged:
                self.hear()
            self.clock.advance(PAUSE / 2)
            if not number % 5:
                self.pipeline.tick()
            if not events:
                break
        self.pipeline.finish()
        while self.waiting:
            self.hear()

    def hear(self):
        """Hear that the store has everything."""
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()


@pytest.mark.parametrize("acknowledged", [1, 3])
def test_killed_at_any_moment(acknowledged):
    """Every match is told or counted, once, although its first two workers are killed, at every moment there is."""
    for moment in itertools.count(1):
        counts = make_memory()
        machine, killed = Machine(counts), 0
        for left in (moment, 1 + moment * 7 % 40, None):
            machine.left = left
            try:
                Worker(machine, acknowledged).run()
                break
            except Killed:
                killed += 1
        os.close(counts)
        assert sum(machine.stored.values()) == EVENTS, f"{machine.stored} when killed at moment {moment}"
        if not killed:
            break
    assert moment > 100

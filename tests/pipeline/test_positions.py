"""What a worker has only counted is kept before the position passes it, and told by the next worker."""

import os
import random

import pytest
from folded import CATALOG, Opened, Told

from falcohost.engine.alerts import AlertMaker
from falcohost.events import Batch
from falcohost.host.kept_counts import KeptCounts, make_memory
from falcohost.lasting import Memory
from falcohost.pipeline.pipeline import Pipeline
from falcohost.pipeline.positions import PAUSE, Positions
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import FoldConfig, PipelineConfig
from falcohost.rules.loader import LoadOptions, load_rules
from falcohost.rules.places import RulesFile


class Sink:
    """A store that has everything at once, or when the test says so.

    :ivar alerts: what it has, with whether it may come again.
    """

    rewinds = False

    def __init__(self):
        self.alerts, self._added, self._waiting = [], [], []
        self.waits = False

    def add(self, alert):
        """Receive an alert."""
        self._added.append(alert)

    def flush(self, cursor):
        """Pass on what was added."""
        self.alerts += [(alert, self.rewinds) for alert in self._added]
        self._added.clear()

    def once_stored(self, call):
        """Run it when everything is stored."""
        self._waiting.append(call)
        if not self.waits:
            self.stores()

    def stores(self):
        """Have everything stored."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()


class Worker:
    """A worker with a fold, whose counts are kept in memory with this *descriptor*.

    :ivar moved: the numbers of the batches behind which the position is.
    """

    def __init__(self, descriptor, *, waits=False):
        self.told, self.sink, self.moved = Told(), Sink(), []
        self.sink.waits = waits
        self.fold, self.clock = self.told.fold, self.told.clock
        self.positions = Positions(self.fold, self.sink, KeptCounts(descriptor), self.clock)
        self.told.tell = self.positions.tell
        self.positions.begin()

    def take(self, number, events):
        """Take a batch."""
        self.told.take(events)
        self.positions.reached(lambda: self.moved.append(number))

    @property
    def counts(self):
        """Return the counts of the alerts that it has told."""
        return [alert.count for alert, _ in self.sink.alerts]


@pytest.fixture
def memory():
    """Return the descriptor of memory for counts."""
    descriptor = make_memory()
    yield descriptor
    os.close(descriptor)


def test_counts_survive(memory):
    """A worker that is killed leaves its counts, which the next one tells first, in the same words."""
    first = Worker(memory)
    first.take(1, map(Opened, range(10)))
    assert [1] == first.moved
    second = Worker(memory)
    ((alert, again),) = second.sink.alerts

    assert (7, True, False) == (alert.count, again, second.sink.rewinds)
    first.fold.flush()
    first.positions.tick()
    assert [(alert, False)] == first.sink.alerts


def test_they_are_told_once(memory):
    """When they are stored, they are not kept any more."""
    Worker(memory).take(1, map(Opened, range(10)))
    second = Worker(memory)
    assert [7] == second.counts
    second.positions.tick()
    assert [] == Worker(memory).counts


def test_a_worker_that_ends_before_they_are_stored(memory):
    """They are still there."""
    Worker(memory).take(1, map(Opened, range(10)))

    assert [7] == Worker(memory, waits=True).counts
    assert [7] == Worker(memory).counts


def test_values_survive(memory):
    """So do the values in which the matches differ."""
    Worker(memory).take(1, (Opened(number, file=f"/key{number}") for number in range(40)))
    (alert,) = [alert for alert, _ in Worker(memory).sink.alerts]

    assert 10 == alert.count
    assert [f"/key{number}" for number in range(30, 40)] == alert.fields["falcohost.values.it.file"]


def test_the_position_waits(memory):
    """While something is counted, it moves on when that is kept: now and then, and each second."""
    worker = Worker(memory)
    worker.take(1, map(Opened, range(10)))
    worker.take(2, map(Opened, range(10, 20)))
    assert [1] == worker.moved
    worker.clock.advance(PAUSE)
    worker.take(3, map(Opened, range(20, 30)))
    assert [1, 3] == worker.moved
    worker.take(4, map(Opened, range(30, 40)))
    worker.positions.tick()
    assert [1, 3, 4] == worker.moved
    assert [37] == Worker(memory).counts


def test_nothing_is_kept_before_alerts_are_stored(memory):
    """The position and what is kept move on together, when the store has the alerts before."""
    worker = Worker(memory)
    worker.sink.waits = True
    worker.take(1, map(Opened, range(10)))
    assert ([], []) == (worker.moved, Worker(memory).counts)
    worker.sink.stores()
    assert ([1], [7]) == (worker.moved, Worker(memory).counts)


def test_what_was_told_is_not_kept(memory):
    """When the window has ended and its alert is stored, the next worker has nothing to tell."""
    worker = Worker(memory)
    worker.take(1, map(Opened, range(10)))
    worker.clock.advance(11)
    worker.fold.tick()
    worker.positions.tick()
    assert [7] == worker.counts
    worker.positions.tick()
    assert [] == Worker(memory).counts
    worker.take(2, [Opened(10)])
    assert [1, 2] == worker.moved


def test_without_a_flood(memory):
    """Nothing is written, and nothing waits."""
    worker = Worker(memory)
    for number in range(100):
        worker.take(number, [Opened(number, actor=number, file=number)])
    assert [*range(100)] == worker.moved


def test_what_is_damaged(memory, caplog):
    """It is no reason to end; it is logged."""
    Memory(memory).replace(b"\x93\x01")
    assert [] == Worker(memory).counts
    assert "what the worker before has counted is damaged" in caplog.text


def test_what_is_too_large(memory, monkeypatch):
    """It is not kept, and what was before is not told again."""
    worker = Worker(memory)
    worker.take(1, map(Opened, range(10)))
    worker.clock.advance(1)
    prepare = Memory.prepare
    monkeypatch.setattr(Memory, "prepare", lambda memory, data: len(data) < 100 and prepare(memory, data))
    worker.take(2, map(Opened, range(10, 20)))

    assert [] == Worker(memory).counts


RULE = "- {rule: opened, desc: d, condition: it.file exists, output: o, priority: NOTICE, source: test}"


def test_a_worker_that_is_interrupted_in_a_batch(memory):
    """It tells no counts of that batch, which is read again, and does not move on."""
    found = load_rules([RulesFile("rules.yaml", RULE)], {"test": CATALOG}, LoadOptions()).ruleset.enabled("test")
    sink, moved = Sink(), []
    config = PipelineConfig(fold=FoldConfig(after=3, window=10))
    pipeline = Pipeline(
        Rules.compiled("test", found, first=False),
        AlertMaker("host").make,
        sink,
        config,
        keeper=KeptCounts(memory),
    )

    def until_it_is_stopped():
        yield from map(Opened, range(10))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.take(Batch(until_it_is_stopped(), stored=lambda: moved.append(1)))
    pipeline.finish()
    assert ([1, 1, 1], []) == ([alert.count for alert, _ in sink.alerts], moved)
    pipeline.take(Batch(map(Opened, range(10)), stored=lambda: moved.append(2)))
    pipeline.finish()
    assert [2] == moved


@pytest.mark.parametrize("seed", range(50))
def test_what_an_attacker_has_kept(memory, seed):
    """A worker that was taken over can write what it likes: the next one tells some of it, or nothing, and goes on."""
    dice, owned = random.Random(seed), Memory(memory)
    Worker(memory).take(1, map(Opened, range(10)))
    data = bytearray(owned.read())
    for _ in range(dice.randrange(1, 6)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    owned.prepare(bytes(data))
    for word in dice.sample((0, 511), dice.randrange(3)):
        owned.set_word(word, dice.choice((0, 1, dice.getrandbits(16), dice.getrandbits(64))))
    second = Worker(memory)
    second.take(2, map(Opened, range(20, 30)))
    second.positions.tick()

    assert [2] == second.moved[:1]
    assert 7 in Worker(memory).counts

"""A runner: order, retry, a subscriber that blocks, and what the next run finds."""

import threading

import msgspec
import pytest

from falcohost import OutputClosed, OutputError, OutputRefused
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.subscribers.runner import FIRST_DELAY, LONGEST_DELAY, Runner
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

PATIENCE = 60


class Output:
    """Takes alerts after it has raised *errors*; waits for *gate* before each delivery."""

    def __init__(self, *errors):
        self.got = []
        self.deliveries = 0
        self.reopened = 0
        self.closed = False
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self._errors = list(errors)

    def deliver(self, alerts):
        """Take them or raise."""
        self.begun.set()
        assert self.gate.wait(PATIENCE)
        if self._errors:
            raise self._errors.pop(0)
        self.deliveries += 1
        self.got += [one.rule for one in alerts]

    def reopen(self):
        """Count."""
        self.reopened += 1

    def close(self):
        """Take note."""
        self.closed = True


class Watched(ManualClock):
    """A clock that takes note when somebody waits without an end."""

    def __init__(self):
        super().__init__()
        self.idle = threading.Event()

    def wait_for(self, condition, predicate, timeout=None):
        """Wait."""
        if timeout is None:
            self.idle.set()
        return super().wait_for(condition, predicate, timeout)


class Fed(Runner):
    """A runner of an output, with a store and a clock of its own."""

    def __init__(self, output, store, clock, **options):
        self.clock = clock
        self.handed_over = threading.Condition()
        self._stored = store
        super().__init__("test", ToOutput(output), store, clock=clock, **options)

    def put(self, *names):
        """Store alerts and let the runner know."""
        number = self._stored.last
        new = [msgspec.structs.replace(alert(name), id=str(number + n)) for n, name in enumerate(names)]
        self._stored.append([Arrival("test", new)])
        self.notify()

    def wait_until_taken(self):
        """Wait until nothing waits any more."""
        with self.handed_over:
            assert self.handed_over.wait_for(lambda: not self.waiting, PATIENCE)

    def pauses(self, count):
        """Return how long it waits after each of so many failures."""
        pauses = []
        for _ in range(count):
            pauses.append(round(self.clock.until_waiting(), 3))
            self.clock.advance(pauses[-1])
        self.wait_until_taken()
        return pauses

    def begin(self):
        """Start it."""

        def answered(taken):
            with self.handed_over:
                self.handed_over.notify_all()

        self.start(answered)


@pytest.fixture
def runner():
    """Return a function that makes a started runner; outputs are let go and runners closed in the end."""
    made = []

    def runner(output, store=None, **options):
        one = Fed(output, store or Store(None, Limits()), Watched(), **options)
        made.append((one, output))
        one.begin()
        return one

    yield runner
    for one, output in made:
        output.gate.set()
        output._errors.clear()
        one.close(0)
        while one._thread.is_alive():
            one.clock.advance(LONGEST_DELAY)
            one._thread.join(0.01)


def close(one):
    """Close a runner that is not blocked."""
    one.close(PATIENCE)


def test_delivers_in_order(runner):
    """Alerts arrive in the order in which they were put."""
    output = Output()
    one = runner(output)

    for number in range(100):
        one.put(f"{number}a", f"{number}b")
    close(one)

    assert [f"rule {number}{letter}" for number in range(100) for letter in "ab"] == output.got
    assert output.closed


def test_waits_without_looking_again_and_again(runner):
    """A runner that has nothing to do waits until it is told; it does not ask."""
    one = runner(Output())

    assert one.clock.idle.wait(PATIENCE)


def test_tries_again(runner, caplog):
    """Alerts that were not accepted are delivered again; the trouble is reported once, and so is its end."""
    caplog.set_level("INFO")
    output = Output(OutputError("down"), OutputError("down"), ValueError("bug"))
    one = runner(output)

    one.put("a")
    for _ in range(3):
        one.put("b")
        one.clock.advance(one.clock.until_waiting())
    one.wait_until_taken()

    assert ["rule a", "rule b", "rule b", "rule b"] == output.got
    assert [
        "output 'test': down; trying again",
        "output 'test': ValueError: bug; trying again",
        "output 'test' works again",
    ] == [record.getMessage() for record in caplog.records]


def test_waits_longer_each_time(runner):
    """The pause doubles with each attempt that fails, up to half a minute."""
    one = runner(Output(*[OutputError("down")] * 11))
    one.put("a")

    assert [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30] == one.pauses(11)


def test_goes_on_soon_after_progress(runner):
    """An attempt that has brought some alerts further is followed by the next one soon, however many have failed."""
    some = OutputError("the rest is down")
    some.progressed = True
    one = runner(Output(*[OutputError("down")] * 3, some, some, *[OutputError("down")] * 2))
    one.put("a")

    assert [0.1, 0.2, 0.4, 0.1, 0.1, 0.2, 0.4] == one.pauses(7)


class Partwise(Output):
    """Takes one alert after the other; raises *errors* where an alert's rule says so."""

    def __init__(self, **errors):
        super().__init__()
        self.errors = errors
        self.marks = []
        self.mark = lambda: 0

    def deliver_parts(self, alerts):
        """Take them, and take note of the mark behind each."""
        self.deliveries += 1
        for count, one in enumerate(alerts, 1):
            if (name := one.rule.removeprefix("rule ")) in self.errors:
                raise self.errors.pop(name)
            self.got.append(one.rule)
            yield count
            self.marks.append(self.mark())


def test_the_mark_moves_during_a_delivery(runner):
    """What an output says has arrived is not delivered again after an error, nor by another process."""
    output = Partwise(c=OutputError("down"))
    store = Store(None, Limits())
    one = runner(output, store)
    output.mark = lambda: store.marks["test"]
    one.put("a", "b", "c", "d")
    one.pauses(1)

    assert [f"rule {name}" for name in "abcd"] == output.got
    assert [1, 2, 3, 3] == output.marks
    assert 4 == store.marks["test"]


def test_what_is_refused_behind_others(runner):
    """An alert that is refused behind some that have arrived is the one that is parked."""
    refusal = OutputRefused({1: "not this"})
    output, store = Partwise(c=OutputError("down"), d=refusal), Store(None, Limits())
    one = runner(output, store)
    one.put("a", "b", "c", "d")
    one.pauses(1)

    found = store.change(lambda connection: connection.execute("SELECT seq, reason FROM parked").fetchall())
    assert [(4, "not this")] == found


def test_growth_is_told(runner, caplog, monkeypatch):
    """That many alerts wait is told, and again when they are twice as many."""
    monkeypatch.setattr("falcohost.subscribers.runner.LONG", 1000)
    output = Output()
    output.gate.clear()
    one = runner(output)

    for _ in range(5):
        one.put(*["a"] * 600)

    assert [
        "the output 'test' does not keep up: it is 1200 alerts behind",
        "the output 'test' does not keep up: it is 2400 alerts behind",
    ] == [record.getMessage() for record in caplog.records]


def test_a_blocked_output_is_seen(runner):
    """It tells for how long an output has not come back; putting never waits for it."""
    output = Output()
    output.gate.clear()
    one = runner(output)

    assert 0 == one.busy()
    one.put("a")
    output.begun.wait(PATIENCE)
    one.clock.advance(7)
    assert 7 == one.busy()
    output.gate.set()
    one.wait_until_taken()
    assert 0 == one.busy()


def test_closing_does_not_wait_for_ever(runner, caplog):
    """A blocked output is given up after the time-out, and what is lost is counted."""
    output = Output()
    output.gate.clear()
    one = runner(output)
    one.put("a", "b")
    output.begun.wait(PATIENCE)

    one.close(0.01)

    assert 2 == one.dropped
    assert "discarding what it gets of the last 2 alerts" in caplog.text


def test_the_next_run_delivers_what_is_left(runner, tmp_path, caplog):
    """Alerts not delivered before the end are delivered when the store is opened again, and none twice."""
    path = tmp_path / "state.db"
    before = runner(Output(*[OutputError("down")] * 1000), Store(path, Limits()))
    before.put("a", "b")
    before.close(0.01)
    assert "of the last 2 alerts is delivered in the next run" in caplog.text

    output, last = Output(), Output()
    close(runner(output, Store(path, Limits())))
    close(runner(last, Store(path, Limits())))

    assert (["rule a", "rule b"], [], 0) == (output.got, last.got, before.dropped)


def test_reopens_while_it_fails(runner):
    """A reopen reaches an output that is being tried again, at once: that may be what mends it."""
    output = Output(*[OutputError("down")] * 5)
    one = runner(output)
    one.put("a")
    for _ in range(3):
        one.clock.advance(one.clock.until_waiting())
    assert 0.8 == pytest.approx(one.clock.until_waiting())

    one.reopen()
    while one.waiting:
        one.clock.advance(FIRST_DELAY)

    assert (["rule a"], 1) == (output.got, output.reopened)


def test_an_output_without_a_reader_is_gone(runner, caplog):
    """After OutputClosed nothing is delivered any more, and what comes is counted as dropped."""
    output = Output(OutputClosed("nobody reads"))
    one = runner(output)

    one.put("a")
    one.wait_until_taken()
    assert one.gone
    one.put("b")
    one.wait_until_taken()

    assert ([], 2) == (output.got, one.dropped)
    assert ["output 'test': nobody reads"] == caplog.messages


def test_an_output_that_cannot_be_closed_is_named(runner, caplog):
    """An output that raises when it is closed is named; the run ends all the same."""
    output = Output()
    output.close = lambda: 1 / 0
    close(runner(output))

    assert ["output 'test' cannot be closed: division by zero"] == caplog.messages


def test_buffered_gathers(runner):
    """A buffered runner makes one delivery of what comes within a second."""
    output = Output()
    one = runner(output, buffered=True)

    one.put("a")
    assert 1 == one.clock.until_waiting()
    one.clock.advance(0.9)
    one.put("b")
    assert 0 == output.deliveries
    one.clock.advance(0.1)
    one.wait_until_taken()

    assert (["rule a", "rule b"], 1) == (output.got, output.deliveries)


def test_buffered_closes_at_once(runner):
    """A buffered runner delivers its alerts when it is closed, without waiting for the second to end."""
    output = Output()
    one = runner(output, buffered=True)
    one.put("a")
    one.clock.until_waiting()

    close(one)

    assert ["rule a"] == output.got

"""A channel: order, retry, an output that blocks, and what the next run finds."""

import itertools
import threading
import time

import msgspec
import pytest

from falcohost import OutputError
from falcohost.outputs.channel import Channel
from falcohost.outputs.stdout import OutputClosed
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.outputs import alert


class Output:
    """Takes alerts after it has raised *errors*; waits for *gate* before each delivery."""

    def __init__(self, *errors):
        self.got = []
        self.deliveries = 0
        self.reopened = 0
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()
        self._errors = list(errors)

    def deliver(self, alerts):
        """Take them or raise."""
        self.gate.wait()
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


class Fed(Channel):
    """A channel with a store of its own."""

    def __init__(self, output, store, **options):
        super().__init__("test", output, store, **options)
        self._numbers = itertools.count()

    def put(self, alerts):
        """Store alerts, each as one that is new, and let the channel know."""
        new = [msgspec.structs.replace(one, id=str(next(self._numbers))) for one in alerts]
        self._store.append([Arrival("test", new)])
        self.notify()


@pytest.fixture
def channel():
    """Return a function that makes a started channel; they are closed in the end."""
    made = []

    def channel(output, store=None, **options):
        made.append(Fed(output, store or Store(None, Limits()), **options))
        made[-1].start()
        return made[-1]

    yield channel
    for one in made:
        one.close(1)


def until(condition, seconds=5.0):
    """Wait until *condition* holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.005)


def test_delivers_in_order(channel):
    """Alerts arrive in the order in which they were put."""
    output = Output()
    one = channel(output)

    for number in range(100):
        one.put([alert(f"{number}a"), alert(f"{number}b")])
    one.close(5)

    assert output.got == [f"rule {number}{letter}" for number in range(100) for letter in "ab"]
    assert output.closed


def test_tries_again(channel, caplog):
    """What was not accepted is delivered again, the trouble is told once, and so is its end."""
    caplog.set_level("INFO")
    output = Output(OutputError("down"), OutputError("down"), ValueError("bug"))
    one = channel(output)

    one.put([alert("a")])
    one.put([alert("b")])
    until(lambda: output.got == ["rule a", "rule b"])
    one.close(5)

    assert [record.getMessage() for record in caplog.records] == [
        "output 'test': down; trying again",
        "output 'test': ValueError: bug; trying again",
        "output 'test' works again",
    ]


def test_growth_is_told(channel, caplog):
    """That many alerts wait is told, and again when they are twice as many."""
    output = Output()
    output.gate.clear()
    one = channel(output)

    for _ in range(5):
        one.put([alert("a")] * 6000)
    output.gate.set()

    assert [record.getMessage() for record in caplog.records] == [
        "12000 alerts wait for the output 'test', which does not keep up",
        "24000 alerts wait for the output 'test', which does not keep up",
    ]


def test_a_blocked_output_is_seen(channel):
    """It tells for how long an output has not come back; putting never waits for it."""
    output = Output()
    output.gate.clear()
    one = channel(output)

    assert one.busy() == 0
    one.put([alert("a")])
    until(lambda: one.busy() > 0.05)
    output.gate.set()
    until(lambda: one.busy() == 0)


def test_closing_does_not_wait_for_ever(channel, caplog):
    """A blocked output is given up after the time-out, and what is lost is counted."""
    output = Output()
    output.gate.clear()
    one = channel(output)
    one.put([alert("a"), alert("b")])

    started = time.monotonic()
    one.close(0.2)

    assert time.monotonic() - started < 1
    assert one.dropped == 2
    assert "2 alerts for it are discarded" in caplog.text
    output.gate.set()


def test_the_next_run_delivers_what_is_left(channel, tmp_path, caplog):
    """What an output did not take before the end is delivered when the store is opened again, and nothing twice."""
    path = tmp_path / "state.db"
    stuck = Output(*[OutputError("down")] * 1000)
    before = channel(stuck, Store(path, Limits()))
    before.put([alert("a"), alert("b")])
    before.close(0.2)
    assert "the next run delivers 2 alerts" in caplog.text

    output = Output()
    after = channel(output, Store(path, Limits()))
    until(lambda: output.got == ["rule a", "rule b"])
    until(lambda: after.waiting == 0)
    last = Output()
    channel(last, Store(path, Limits())).close(5)

    assert (before.dropped, last.got) == (0, [])


def test_reopens_while_it_fails(channel):
    """A reopen reaches an output that is being tried again: that may be what mends it."""
    output = Output(*[OutputError("down")] * 4)
    one = channel(output)
    one.put([alert("a")])

    one.reopen()
    until(lambda: output.got == ["rule a"])

    assert output.reopened == 1


def test_an_output_without_a_reader_is_gone(channel):
    """After OutputClosed nothing is delivered any more, and what comes is counted as dropped."""
    output = Output(OutputClosed("nobody reads"))
    one = channel(output)

    one.put([alert("a")])
    until(lambda: one.gone)
    one.put([alert("b")])
    until(lambda: one.dropped == 2)

    assert (output.got, one.waiting) == ([], 0)


def test_buffered_gathers(channel):
    """A buffered channel makes one delivery of what comes within a second, and closes at once."""
    output = Output()
    one = channel(output, buffered=True)

    for number in range(5):
        one.put([alert(str(number))])
        time.sleep(0.02)
    one.close(5)

    assert (len(output.got), output.deliveries) == (5, 1)

"""Outputs: one that blocks is told of once, and the run ends when nobody is left who reads alerts."""

import threading

import pytest

from falcohost.errors import OutputClosed
from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.host.supervision.outputs import Outputs
from falcohost.outputs.channel import Channel
from falcohost.store.arrival import Arrival
from falcohost.testing.outputs import alert


class Sink:
    """An output that a test holds up, or closes."""

    def __init__(self):
        self.arrived = threading.Semaphore(0)
        self.free = threading.Event()
        self.closed = False
        self.rules = []
        self.reopened = threading.Event()

    def deliver(self, alerts):
        """Accept them when the test allows it."""
        self.arrived.release()
        self.free.wait(60)
        if self.closed:
            raise OutputClosed("nobody reads")
        self.rules += [one.rule for one in alerts]

    def reopen(self):
        """Take note of it."""
        self.reopened.set()

    def close(self):
        """Do nothing."""


@pytest.fixture
def outputs(store):
    """Return outputs with a sink each, which are told that there is an alert; and their loop."""
    sinks = [Sink(), Sink()]
    channels = [Channel(f"output{number}", sink, store) for number, sink in enumerate(sinks)]
    loop = Loop()
    outputs = Outputs(channels, 60.0, loop)
    with outputs:
        store.append([Arrival("one", [alert("a")])])
        outputs.notify()
        for sink in sinks:
            assert sink.arrived.acquire(timeout=60)
        yield outputs, sinks, loop
        for sink in sinks:
            sink.free.set()


def until(condition):
    """Wait until a channel's thread has come to something."""
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it does not come to that")


def test_a_blocked_output_is_told_of_once(outputs, caplog):
    """An output that does not come back within the time is told of once, until it goes on."""
    both, (sink, other), loop = outputs
    other.free.set()
    until(lambda: not both.channels[1].busy())
    both.check()
    assert [] == caplog.messages
    impatient = Outputs(both.channels, 0.0, loop)
    impatient.check()
    impatient.check()

    assert ['"output0" output timeout, the output is blocked'] == caplog.messages
    sink.free.set()
    until(lambda: not both.channels[0].busy())
    impatient.check()
    assert 1 == len(caplog.messages)


def test_the_run_ends_when_no_output_is_left(outputs):
    """While one output has a reader the run goes on."""
    both, sinks, loop = outputs
    for sink, channel, outcome in zip(sinks, both.channels, (None, Outcome.FAILED), strict=True):
        sink.closed = True
        sink.free.set()
        until(lambda channel=channel: channel.gone)
        both.check()
        assert outcome is loop.outcome

    assert "no output is left: nobody reads output0, output1 any more" == loop.error


def test_what_was_not_delivered_is_told_at_the_end(store, caplog):
    """An alert that an output without a reader did not take is told of when the outputs are closed."""
    sink = Sink()
    sink.closed = True
    sink.free.set()
    outputs = Outputs([Channel("gone", sink, store)], 60.0, Loop())
    with outputs:
        store.append([Arrival("one", [alert("a")])])
        outputs.notify()
        until(lambda: outputs.channels[0].gone)

    assert "1 alerts were not delivered to the output 'gone'" in caplog.messages


def test_reopen(outputs):
    """Each output is reopened."""
    both, sinks, _ = outputs
    both.reopen()
    for sink in sinks:
        sink.free.set()

    assert all(sink.reopened.wait(60) for sink in sinks)

"""Outputs and consumers together: who is given what, also at the end."""

import threading

import pytest

from falcohost import OutputClosed, Priority
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.subscriber import LONGEST_CHAIN, Answer, NewAlert, SubscriberSpec
from falcohost.subscribers.consumer import Consumer
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert


class Collecting:
    """An output that keeps what it is given; *gate* holds it up, and it may be without a reader."""

    def __init__(self):
        self.got = []
        self.begun = threading.Event()
        self.reopened = threading.Event()
        self.gate = threading.Event()
        self.read = True

    def deliver(self, alerts):
        """Keep them."""
        self.begun.set()
        assert self.gate.wait(60)
        if not self.read:
            raise OutputClosed("nobody reads")
        self.got += [one.rule for one in alerts]

    def reopen(self):
        """Take note."""
        self.reopened.set()

    def close(self):
        """Take note."""
        self.got.append("closed")


class Echo:
    """Raises an alert about each alert that it is given."""

    def __init__(self, settings, state):
        self._name = settings["name"]

    def take(self, alerts):
        """Answer."""
        return Answer(
            [NewAlert(rule=f"{self._name}({one.rule})", priority=Priority.INFORMATIONAL, message="") for one in alerts]
        )

    def close(self):
        """Do nothing."""


@pytest.fixture
def store():
    """Return a store in memory."""
    return Store(None, Limits())


@pytest.fixture
def clock():
    """Return the clock of the subscribers."""
    return ManualClock()


@pytest.fixture
def group(maker, store, clock):
    """Return a function that makes subscribers of outputs, and of consumers that are called as they are told."""

    def group(outputs, *names):
        specs = [SubscriberSpec(name=name, description="Echoes.", make=Echo) for name in names]
        consumers = [(spec.name, Consumer(spec, {"name": spec.name}, None, maker)) for spec in specs]
        return Subscribers(
            [Runner(f"out{n}", ToOutput(output), store, clock=clock) for n, output in enumerate(outputs)],
            [Runner(name, consumer, store, kind="subscriber", clock=clock) for name, consumer in consumers],
            store,
            timeout=10,
            clock=clock,
        )

    return group


def put(store, *names):
    """Store alerts."""
    store.append([Arrival("test", [alert(name) for name in names])])


def test_outputs_get_all_that_consumers_raise_before_the_end(group, store):
    """Closing waits until consumers have taken everything, what others raise too, and outputs have that as well."""
    output = Collecting()
    output.gate.set()
    with group([output], "a", "b"):
        put(store, "1")

    assert {"rule 1", "a(rule 1)", "b(rule 1)", "b(a(rule 1))", "a(b(rule 1))"} <= set(output.got)
    assert [] == [rule for rule in output.got if rule.startswith(("a(a", "b(b"))]
    assert (1 + 2 * LONGEST_CHAIN + 1, "closed") == (len(output.got), output.got[-1])


def test_a_blocked_output_is_reported_once(group, store, clock, caplog):
    """An output that does not come back for the time-out is reported, once until it goes on."""
    slow, quick = Collecting(), Collecting()
    quick.gate.set()
    with group([slow, quick]) as both:
        put(store, "1")
        both.notify()
        assert slow.begun.wait(60)
        both.runners[1].close(60)  # it has come back
        for seconds in (9, 2, 10):
            clock.advance(seconds)
            assert "" == both.check()
        slow.gate.set()

    assert ['"out0" output timeout, the output is blocked'] == caplog.messages


def test_the_run_ends_when_no_output_is_left(group, store, caplog):
    """While one output has a reader the run goes on; then it is told why it ends, and what was not delivered."""
    first, second = Collecting(), Collecting()
    first.read = second.read = False
    one = group([first, second])
    with one:
        put(store, "1")
        one.notify()
        first.gate.set()
        one.runners[0].close(60)
        assert "" == one.check()
        second.gate.set()

    assert "no output is left: the reader of out0, out1 is gone" == one.check()
    assert "1 alerts were not delivered to the output 'out1'" in caplog.messages


def test_all_are_reopened(group):
    """Each output is reopened."""
    outputs = [Collecting(), Collecting()]
    with group(outputs) as both:
        both.reopen()

        assert all(output.reopened.wait(60) for output in outputs)


def test_a_consumer_that_fails_does_not_keep_the_agent(maker, store, caplog):
    """At the end a consumer that cannot take its alerts is given up after the time-out; outputs get theirs."""

    class Failing(Echo):
        mended = threading.Event()

        def take(self, alerts):
            """Fail."""
            if not self.mended.is_set():
                raise ValueError("a bug")

    spec, output = SubscriberSpec(name="failing", description="Fails.", make=Failing), Collecting()
    output.gate.set()
    failing = Runner("failing", Consumer(spec, {"name": "x"}, None, maker), store, kind="subscriber")
    with Subscribers([Runner("out", ToOutput(output), store)], [failing], store, timeout=0.05) as both:
        put(store, "1")
        both.runners[0].close(60)

    assert ["rule 1", "closed"] == output.got
    assert "the subscriber 'failing' is still blocked; discarding what it gets of the last 1 alerts" in caplog.messages
    Failing.mended.set()
    failing.close(60)
    assert "subscriber 'failing': ValueError: a bug; trying again" in caplog.messages

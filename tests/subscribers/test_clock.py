"""A subscriber that is called by the clock: when, behind what, how often, and exactly once in the store."""

import itertools
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from falcohost import PluginError, Priority
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.subscriber import Answer, NewAlert, SubscriberSpec
from falcohost.subscribers.consumer import Consumer
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import LOOK, TICK, Runner
from falcohost.testing.clock import SECOND, ManualClock
from falcohost.testing.forks import Suicide, fork, quick_folder, was_killed
from falcohost.testing.outputs import alert
from falcohost.testing.waiting import wait_until

NOW = 1_700_000_000 * SECOND
WITHIN = 60


class Beats:
    """Raises an alert when no alert has come for a minute; its state is the time of the last, while it waits.

    :cvar errors: what it raises by the clock, one after the other; *stuck*: it never stops being due.
    """

    errors: ClassVar = []
    stuck = False
    ticks: ClassVar = []

    def __init__(self, settings, state):
        self._last = int(state) if state else None

    def take(self, alerts):
        """Note the time."""
        self._last = max(one.time for one in alerts)
        return Answer((), self._state())

    def due(self):
        """Return when it is late."""
        return None if self._last is None else self._last + WITHIN * SECOND

    def tick(self, now):
        """Say so."""
        self.ticks.append(now)
        if self.errors:
            raise self.errors.pop(0)
        missing = NewAlert(rule="Missing", priority=Priority.NOTICE, message=f"since {self._last}")
        if not self.stuck:
            self._last = None
        return Answer([missing], self._state())

    def close(self):
        """Do nothing."""

    def _state(self):
        return b"" if self._last is None else str(self._last).encode()


class Clocked:
    """A store, a clock that stands, and the subscriber on its runner."""

    def __init__(self, maker, state=None, made=None, store=None):
        self.made = made or type("Fresh", (Beats,), {"errors": [], "ticks": []})
        self.store = store or Store(None, Limits())
        self.clock = ManualClock(NOW)
        if state is not None:
            self.store.answer("beats", self.store.subscribe("beats").mark, (), state)
        spec = SubscriberSpec(name="beats", description="Waits.", make=self.made)
        consumer = Consumer(spec, {}, self.store.subscribe("beats").state, maker)
        self.runner = Runner("beats", consumer, self.store, kind="subscriber", clock=self.clock)

    def beat(self, seconds):
        """Store an alert of so many seconds from the beginning; return when it is taken."""
        self.put(seconds)
        self.runner.notify()
        wait_until(lambda: not self.runner.waiting)

    def put(self, seconds):
        """Store an alert."""
        one = msgspec.structs.replace(alert("a"), id=f"{seconds}", time=NOW + seconds * SECOND)
        self.store.append([Arrival("test", [one])])

    @property
    def missing(self):
        """Return the alerts that it has raised, as they are stored."""
        return [one for _, one in self.store.read(0, 99) if one.rule == "Missing"]

    def wait_until_told(self, count=1):
        """Wait until so many of them are there and taken."""
        wait_until(lambda: len(self.missing) >= count and not self.runner.waiting, lambda: self.missing)


@pytest.fixture
def clocked(maker):
    """Return a function that sets up a subscriber, begun unless told otherwise; runners are closed in the end."""
    every = []

    def clocked(*, begun=True, **options):
        every.append(Clocked(maker, **options))
        if begun:
            every[-1].runner.start()
        return every[-1]

    yield clocked
    for one in every:
        if one.runner._thread.ident is not None:
            one.runner.close(60)


def test_is_called_when_it_is_due(clocked):
    """Its alert and its state are stored when its time has come, and not before; then it is not called again."""
    one = clocked()
    one.beat(0)
    one.clock.advance(WITHIN - 1)
    assert LOOK >= one.clock.until_waiting() > 0
    assert [] == one.missing
    one.clock.advance(1)
    one.wait_until_told()

    (found,) = one.missing
    assert ("beats", f"since {NOW}", NOW + WITHIN * SECOND, 1) == (found.source, found.message, found.time, found.depth)
    assert b"" == one.store.subscribe("beats").state
    one.clock.advance(10 * WITHIN)
    assert [NOW + WITHIN * SECOND] == one.made.ticks


def test_what_comes_moves_what_is_due(clocked):
    """An alert that comes in time has it wait for longer."""
    one = clocked()
    one.beat(0)
    one.clock.advance(50)
    one.beat(50)
    one.clock.advance(59)
    assert [] == one.made.ticks
    one.clock.advance(1)
    one.wait_until_told()

    assert [f"since {NOW + 50 * SECOND}"] == [found.message for found in one.missing]


def test_what_waits_is_taken_first(clocked):
    """Alerts from before a time that has passed are taken before its tick, also at the start."""
    one = clocked(state=str(NOW - 100 * SECOND).encode(), begun=False)
    one.put(0)
    one.runner.start()
    wait_until(lambda: not one.runner.waiting)
    one.clock.until_waiting()

    assert [] == one.made.ticks
    assert str(NOW).encode() == one.store.subscribe("beats").state


def test_a_time_that_has_passed_is_due_at_once(clocked):
    """A time that passed while no agent ran gets its tick at the start, with the time that was due."""
    one = clocked(state=str(NOW - 100 * SECOND).encode())
    one.wait_until_told()

    assert ([NOW], NOW - 40 * SECOND) == (one.made.ticks, one.missing[0].time)


def test_an_error_is_tried_again(clocked, caplog):
    """One that raises is made anew with its state and called again, later each time; alerts still come to it."""
    caplog.set_level("INFO")
    made = type("Bad", (Beats,), {"errors": [ValueError("a bug"), ValueError("a bug")], "ticks": []})
    one = clocked(state=str(NOW - 100 * SECOND).encode(), made=made)
    for seconds in (2 * TICK, 4 * TICK):
        assert seconds == one.clock.until_waiting()
        one.clock.advance(seconds)
    one.wait_until_told()

    assert [NOW, NOW + 2 * SECOND, NOW + 6 * SECOND] == made.ticks
    assert 1 == len(one.missing)
    assert ["subscriber 'beats': ValueError: a bug; trying again", "subscriber 'beats' works again"] == caplog.messages


def test_one_that_is_always_due_is_called_once_a_second(clocked):
    """A subscriber that forgets to move its time keeps nobody busy."""
    made = type("Stuck", (Beats,), {"stuck": True, "ticks": []})
    one = clocked(state=str(NOW - 100 * SECOND).encode(), made=made)
    for count in (1, 2, 3):
        one.wait_until_told(count)
        assert count == len(made.ticks)
        assert 0 < one.clock.until_waiting() <= TICK
        one.clock.advance(TICK)


def test_the_end_waits_for_nothing_that_is_due(clocked):
    """A later time is still due in the next run."""
    one = clocked()
    one.beat(0)
    one.runner.close(60)

    assert not one.runner._thread.is_alive()
    assert [] == one.made.ticks


@pytest.mark.parametrize("due", [1.5, "now", b"1"])
def test_a_time_that_is_none_is_told(clocked, due, caplog):
    """A subscriber whose time is no time is called by alerts alone, and the log says why."""
    made = type("Odd", (Beats,), {"due": lambda self: due, "ticks": []})
    one = clocked(made=made)
    one.beat(0)
    one.beat(1)

    wait_until(lambda: caplog.messages)
    text = f"due() has to return a time in nanoseconds or None, not {type(due).__name__}"
    assert [f"subscriber 'beats': when it is due: {text}; trying again"] == caplog.messages
    assert [] == made.ticks


def test_ids_are_the_same_when_the_clock_is_answered_again(maker):
    """Alerts of the same time and state have the same id; alerts of another time have another."""
    spec = SubscriberSpec(name="beats", description="Waits.", make=Beats)
    state = str(NOW).encode()
    first, again = (Consumer(spec, {}, state, maker).tick(7, NOW, NOW + late) for late in (0, 5))
    later = Consumer(spec, {}, state, maker).tick(7, NOW + 1, NOW + 1)

    assert [one.id for one in first.alerts] == [one.id for one in again.alerts]
    assert [one.id for one in first.alerts] != [one.id for one in later.alerts]


def test_an_answer_to_the_clock_is_checked(maker):
    """It is held to the same as the answer to alerts."""
    made = type("Odd", (Beats,), {"tick": lambda self, now: "text"})
    spec = SubscriberSpec(name="beats", description="Waits.", make=made)
    with pytest.raises(PluginError, match="its answer has to be an Answer"):
        Consumer(spec, {}, b"1", maker).tick(0, 1, 1)


def test_killed_before_any_statement(maker):
    """Killed before whichever statement of the database, alert and state are both there in the end, once."""
    with quick_folder() as folders:
        for step in itertools.count():
            path = Path(folders, f"{step}.db")
            killed = was_killed(fork(lambda path=path, step=step: run(path, maker, Suicide(step))))
            if killed:
                run(path, maker)
            store = Store(path, Limits())
            found = [one.message for _, one in store.read(0, 99) if one.rule == "Missing"]
            assert ([f"since {NOW}"], b"") == (found, store.subscribe("beats").state)
            store.close()
            if not killed:
                break
    assert step > 3


def run(path, maker, killer=lambda statement: None):
    """Run the subscriber until it has told of one alert that is missing since."""
    store = Store(path, Limits())
    store._disk.change(lambda connection: connection.set_trace_callback(killer))
    position = store.subscribe("beats")
    store.append([Arrival("test", [msgspec.structs.replace(alert("a"), id="a", time=NOW)], "1", rewinds=True)])
    spec = SubscriberSpec(name="beats", description="Waits.", make=Beats)
    consumer = Consumer(spec, {}, position.state, maker)
    runner = Runner("beats", consumer, store, kind="subscriber", clock=ManualClock(NOW + 100 * SECOND))
    with Subscribers([], [runner], store, timeout=60) as subscribers:
        subscribers.notify()
        wait_until(lambda: b"" == store.subscribe("beats").state)
    store.close()

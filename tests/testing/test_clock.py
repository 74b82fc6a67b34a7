"""The clock of tests: it stands, and whoever waits for it goes on when it was turned on far enough."""

import threading

import pytest

from falcohost.clock import SYSTEM
from falcohost.testing.clock import ManualClock


@pytest.fixture
def waiting():
    """Return a function that has a thread wait by a clock; returns the thread, its answers, and the condition."""

    def waiting(clock, predicate, timeout):
        condition, answers = threading.Condition(), []

        def wait():
            with condition:
                answers.append(clock.wait_for(condition, predicate, timeout))

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread, answers, condition

    return waiting


def test_it_stands_until_it_is_advanced():
    """Both times rise by what it was advanced by, and by nothing else."""
    clock = ManualClock(5)
    clock.advance(1.5)

    assert (1.5, 1_500_000_005) == (clock.monotonic(), clock.time_ns())


def test_a_wait_ends_when_its_time_has_passed(waiting):
    """Whoever waits so many seconds waits until they were advanced, in one step or several."""
    clock = ManualClock()
    thread, answers, _ = waiting(clock, lambda: False, 30)

    assert 30 == clock.until_waiting()
    clock.advance(10)
    assert (20, []) == (clock.until_waiting(), answers)
    clock.advance(20)
    thread.join(10)
    assert [False] == answers


def test_a_wait_ends_when_what_it_waits_for_holds(waiting):
    """A notification ends the wait without any time passing."""
    clock, done = ManualClock(), []
    thread, answers, condition = waiting(clock, lambda: bool(done), 30)
    clock.until_waiting()

    with condition:
        done.append(True)
        condition.notify_all()
    thread.join(10)

    assert ([True], 0.0) == (answers, clock.monotonic())


def test_the_machines_clock_waits_as_long_as_it_says(waiting):
    """The real clock gives up after the seconds that it was given."""
    began = SYSTEM.monotonic()
    thread, answers, _ = waiting(SYSTEM, lambda: False, 0.01)
    thread.join(10)

    assert [False] == answers
    assert SYSTEM.monotonic() - began >= 0.01

"""A worker that stands still is reported once, and replaced."""

import signal

import pytest

from falcohost.host import wire
from falcohost.host.numbers import NOTHING
from falcohost.host.snapshot import source_snapshot
from falcohost.host.supervision.freezer import FROZEN
from falcohost.host.supervision.watchdog import Watchdog

RULE = "Falcohost internal: source stalled"


@pytest.fixture
def watched(stage):
    """Return a stage with a source, and a function that lets seconds pass, and returns the alerts."""
    played = stage("one")
    alerts = []
    watchdog = Watchdog(played.workers.children, 60, lambda *alert: alerts.append(alert), played.clock)

    def passed(seconds):
        for _ in range(seconds):
            played.clock.advance(1)
            played.turn()
            watchdog.check()
        return alerts

    def slept(seconds):
        played.clock.advance(seconds)
        played.turn()
        watchdog.check()
        return alerts

    played.passed, played.slept, played.watchdog = passed, slept, watchdog
    return played


def state(stage):
    """Return what falcohost stats says of the source."""
    found = source_snapshot(stage.child()).state
    return found.state, found.error


def test_a_source_that_stops_yielding(watched, caplog):
    """It is an alert, once, and a state of its own; log lines and alerts that it sends meanwhile are no sign."""
    caplog.set_level("INFO")
    watched.last().say(wire.Ready())
    assert [] == watched.passed(59)
    watched.last().say(wire.LogLine(20, "still trying"))
    ((rule, priority, text, fields),) = watched.passed(100)

    why = "it has not come back from reading for more than 60 s"
    assert (RULE, "CRITICAL", {"source": "one", "seconds": 60}) == (rule, priority.name, fields)
    assert f"event source 'one' is stalled: {why}; its worker is replaced" == text
    assert [signal.SIGUSR2, signal.SIGCONT, signal.SIGKILL] == watched.last().signals
    assert ("stalled", why) == state(watched)
    assert f"event source 'one' (pid 4711) is stalled: {why}; its worker is replaced" in caplog.messages


def test_the_next_worker(watched):
    """It is there at once, and what holds it up is another alert."""
    watched.last().ends_by = signal.SIGUSR2
    watched.last().say(wire.Ready())
    assert 1 == len(watched.passed(61))
    watched.passed(1)
    assert 2 == len(watched.played["one"])
    assert ("starting", "") == state(watched)
    assert 2 == len(watched.passed(61))


def test_a_worker_that_is_stopped(watched):
    """Whoever stops it gains a moment: it is replaced as soon as it is seen twice."""
    watched.last().say(wire.Ready())
    watched.passed(5)
    watched.last().stopped = "a signal"
    ((rule, priority, text, _),) = watched.passed(2)

    assert (RULE, "CRITICAL") == (rule, priority.name)
    assert "event source 'one' is stalled: its worker was stopped by a signal; its worker is replaced" == text
    assert 1 == len(watched.passed(5))
    assert [signal.SIGUSR2, signal.SIGCONT, signal.SIGKILL] == watched.last().signals


def test_a_worker_of_which_the_kernel_says_so(watched):
    """It is replaced at once, and once; one that is frozen or traced has a moment."""
    watched.last().say(wire.Ready())
    watched.passed(5)
    for how, expected in (("", 0), (FROZEN, 0), ("a signal", 1), ("a signal", 1)):
        watched.last().stopped = how
        watched.watchdog.replace_stopped()
        assert expected == len(watched.passed(0))

    assert [signal.SIGUSR2, signal.SIGCONT] == watched.last().signals


def test_workers_that_stop_themselves(watched):
    """One worker after the other that stops itself has one replaced at once, and the others a moment later."""
    watched.last().say(wire.Ready())
    watched.passed(5)
    for _ in range(3):
        watched.last().ends_by = signal.SIGUSR2
        watched.last().stopped = "a signal"
        watched.watchdog.replace_stopped()
        watched.turn()
    assert 1 == len(watched.passed(1))
    assert 2 == len(watched.passed(3))


def test_a_worker_that_is_frozen(watched):
    """It cannot end by itself, so it is killed at once."""
    watched.last().say(wire.Ready())
    watched.passed(5)
    watched.last().stopped = FROZEN
    ((_, _, text, _),) = watched.passed(2)

    assert text.endswith("its worker was stopped by the freezer of its cgroup; its worker is replaced")
    assert signal.SIGKILL == watched.last().signals[-1]


def test_a_worker_that_was_stopped_for_a_moment(watched):
    """One that goes on by itself is left alone."""
    watched.last().say(wire.Ready())
    for _ in range(5):
        watched.last().stopped = "a signal"
        watched.passed(1)
        watched.last().stopped = ""
        assert [] == watched.passed(1)

    assert [] == watched.last().signals


def test_a_source_that_says_that_opening_takes_long(watched):
    """One that compiles says so now and then and is left alone; when it says nothing any more, it is replaced."""
    for _ in range(3):
        watched.last().say(wire.LogLine(20, "still compiling"))
        assert [] == watched.passed(50)
    ((_, _, text, _),) = watched.passed(12)

    assert text.endswith("it has not come back from being opened for more than 60 s; its worker is replaced")


def test_a_source_that_does_not_open(watched):
    """Opening is held to the same."""
    ((_, _, text, _),) = watched.passed(61)

    assert text.endswith("it has not come back from being opened for more than 60 s; its worker is replaced")
    assert "stalled" == state(watched)[0]


def test_reports_are_a_sign_of_life(watched):
    """A source that has nothing to say, but says so, is not stalled; nor is one that has ended, or is down."""
    watched.last().say(wire.Ready())
    for _ in range(20):
        watched.last().say(wire.Report(NOTHING))
        assert [] == watched.passed(10)
    watched.last().end()

    assert [] == watched.slept(1)
    assert not watched.child().alive


def test_a_supervisor_that_slept(watched):
    """Time in which the supervisor itself did not run, as on a suspended machine, does not count."""
    watched.last().say(wire.Ready())
    watched.passed(30)

    assert [] == watched.slept(3600)
    assert [] == watched.passed(59)
    assert 1 == len(watched.passed(2))


def test_it_can_be_switched_off(stage):
    """0 is never."""
    played = stage("one")
    watchdog = Watchdog(played.workers.children, 0, lambda *_: pytest.fail("an alert"), played.clock)
    for _ in range(200):
        played.clock.advance(1)
        watchdog.check()

    assert ("starting", "") == state(played)

"""Workers that fail, end, are renewed, are told to stop, or say what nobody can read: what becomes of them."""

import os
import signal
import socket
import time
from types import SimpleNamespace

import pytest

from falcohost.host import wire
from falcohost.host.supervision.backoff import MOST_AT_ONCE, SOON, SPAN
from falcohost.host.supervision.deaths import Deaths
from falcohost.host.supervision.loop import Outcome
from falcohost.host.supervision.workers import GRACE
from falcohost.testing.clock import ManualClock
from falcohost.testing.shortages import no_free_descriptor


def test_back_off(stage, caplog):
    """A worker that fails is started again, twice as long after each time, half a minute at most."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    for delay in (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0):
        count = stage.fails()
        stage.let_pass(delay - 0.01)
        assert count == len(stage.played["one"])
        stage.let_pass(0.02)
        assert count + 1 == len(stage.played["one"])

    assert "'one' (pid 4711): worker failed: ended with status 1; starting it again in 0.2 s" in caplog.text


@pytest.mark.parametrize(("uptime", "processes"), [(59.0, 3), (61.0, 4)])
def test_uptime_resets_the_back_off(stage, uptime, processes):
    """After a minute of uptime the next restart comes soon again."""
    stage = stage()
    stage.last().say(wire.Ready())
    for seconds in (0.2, 0.4):
        stage.fails()
        stage.let_pass(seconds + 0.001)
    stage.let_pass(uptime)
    stage.fails()
    stage.let_pass(0.201)

    assert processes == len(stage.played["one"])


def test_a_worker_that_was_killed_while_all_was_well(stage, caplog):
    """Another one is there at once, also after many; of very many in a row the later ones wait for a moment."""
    stage = stage()
    for count in range(MOST_AT_ONCE):
        stage.last().say(wire.Ready())
        stage.turn()
        assert count + 2 == stage.is_killed()
    assert "'one' (pid 4711): worker failed: killed by SIGKILL; starting it again at once" in caplog.text

    stage.last().say(wire.Ready())
    stage.turn()
    count = stage.is_killed()
    stage.let_pass(SOON - 0.01)
    assert count == len(stage.played["one"])
    stage.let_pass(0.01)
    assert count + 1 == len(stage.played["one"])
    stage.let_pass(SPAN)
    stage.last().say(wire.Ready())
    stage.turn()
    assert count + 2 == stage.is_killed()


def test_ends_that_nobody_asked_for(stage):
    """They are told of; an end that was asked for is not, nor that of a source that was never open."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready())
    stage.turn()
    stage.fails("two")
    stage.is_killed("one")
    assert [("one", "worker", "killed by SIGKILL")] == stage.deaths
    stage.last("one").say(wire.Ready())
    stage.turn()
    stage.child("one").renew()
    stage.last("one").say(wire.Ended(asked=True))
    stage.fails("one")

    assert 1 == len(stage.deaths)


def test_many_ends_are_few_alerts():
    """The first is an alert at once; those of the next seconds are counted, and told with the one after."""
    alerts, clock = [], ManualClock()
    deaths = Deaths(lambda *alert: alerts.append(alert), clock)
    child = SimpleNamespace(name="one", pid=4711)
    for _ in range(5):
        deaths.tell(child, "worker", "killed by SIGKILL")
        clock.advance(1)
    assert 1 == len(alerts)
    clock.advance(10)
    deaths.tell(child, "worker", "killed by SIGKILL")
    (_, _, text, fields) = alerts[1]

    begun = "the worker of event source 'one' has ended: killed by SIGKILL; it is replaced"
    assert [begun, f"{begun}; so have 4 others since the last such alert"] == [alerts[0][2], text]
    assert {"source": "one", "pid": 4711, "cause": "killed by SIGKILL", "others": 4} == fields


def test_a_worker_that_somebody_else_told_to_end(stage):
    """SIGTERM from a stranger does not end the source: another worker is there at once."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.last().say(wire.Ended(asked=True))
    stage.last().end("ended with status 0")
    stage.turn()

    assert 2 == len(stage.played["one"])
    assert stage.loop.outcome is None


@pytest.mark.parametrize("killed", [True, False])
def test_a_worker_whose_helper_has_ended(stage, killed):
    """If somebody has killed the helper the next worker is there at once; if it fails by itself, later."""
    stage = stage()
    stage.last().say(wire.Ready(), wire.Failed("its helper has ended", killed=killed))
    stage.turn()

    assert (2 if killed else 1) == stage.fails()
    assert [("one", "worker", "its helper has ended")] == stage.deaths


def test_a_source_that_cannot_be_opened(stage, caplog):
    """Its error is told in its own words, and it is tried again while another source runs."""
    stage = stage("one", "two")
    stage.last("two").say(wire.Ready())
    stage.last("one").say(wire.Failed("no token.", "a trace"))
    stage.turn()
    stage.fails("one")

    assert "'one' (pid 4711): cannot be opened: no token; starting it again in 0.2 s" in caplog.text
    assert "no token." == stage.child("one").error
    stage.let_pass(0.2)
    assert 2 == len(stage.played["one"])
    assert "" == stage.child("one").error
    assert stage.loop.outcome is None


def test_no_process_can_be_started(stage, caplog):
    """Where the system has no process to give it is asked again later."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.refused = True
    stage.fails()
    stage.let_pass(0.2)
    assert "cannot start a process: no more processes are allowed; raise the limit" in caplog.text
    assert "trying again in 0.2 s" in caplog.text
    stage.let_pass(0.2)
    assert 1 == caplog.text.count("cannot start a process")
    stage.refused = False
    stage.let_pass(0.4)
    assert 2 == len(stage.played["one"])

    caplog.clear()
    stage.fails()
    assert "worker failed: ended with status 1; starting it again in 0.4 s" in caplog.text


def test_the_run_ends_with_its_sources(stage):
    """When every source has come to its end there is nothing left to do."""
    stage = stage("one", "two")
    for name in ("one", "two"):
        assert stage.loop.outcome is None
        stage.last(name).say(wire.Ready(), wire.Ended())
        stage.fails(name)

    assert (Outcome.STOPPED, "") == (stage.loop.outcome, stage.loop.error)


def test_a_source_that_was_never_open_is_not_waited_for(stage):
    """When the others have ended, one that cannot be opened makes the run fail, in its words."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready(), wire.Ended())
    stage.fails("one")
    stage.last("two").say(wire.Failed("no token"))
    stage.fails("two")

    assert (Outcome.FAILED, "no token") == (stage.loop.outcome, stage.loop.error)
    stage.let_pass(60)
    assert 1 == len(stage.played["two"])


def test_renewal(stage):
    """A source that is renewed is opened by another worker at once."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.child().renew()
    assert [signal.SIGTERM] == stage.last().signals
    stage.last().say(wire.Ended(asked=True))
    stage.fails()

    assert 2 == len(stage.played["one"])
    assert stage.loop.outcome is None


def test_rubbish(stage, caplog):
    """A worker that sends what is no message is killed, and what it sends later is not read."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready())
    stage.turn()
    stage.last("one").say(b"\x01\x00\x00\x00\xc1")
    stage.turn()
    assert [signal.SIGKILL] == stage.last("one").signals
    stage.last("one").say(wire.LogLine(20, "believe me"))
    stage.fails("one")

    assert [("one", wire.Ready())] == stage.heard
    assert "worker failed: its worker sent an invalid message" in caplog.text


def test_an_accused_worker(stage, caplog):
    """A worker that the store accuses is killed, and the log says why."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready())
    stage.turn()
    stage.workers.accuse("one", "an alert of the source 'two'")
    stage.fails("one")

    assert ([signal.SIGKILL], []) == (stage.played["one"][0].signals, stage.last("two").signals)
    assert "its worker sent an invalid message (an alert of the source 'two') and was killed" in caplog.text


def test_stop(stage):
    """Workers are told to stop; who has not ended after some seconds is killed, and nobody is started any more."""
    stage = stage("good", "bad", "failed")
    for name in ("good", "bad", "failed"):
        stage.last(name).say(wire.Ready())
    stage.turn()
    stage.fails("failed")
    stage.loop.end(Outcome.STOPPED)
    stage.workers.stop()
    stage.last("good").say(wire.Ended(asked=True))
    stage.fails("good")
    stage.let_pass(GRACE - 0.1)
    assert [signal.SIGTERM] == stage.last("bad").signals
    stage.let_pass(0.1)
    assert [signal.SIGTERM, signal.SIGKILL] == stage.last("bad").signals
    assert stage.workers.any_alive
    stage.fails("bad")

    assert not stage.workers.any_alive
    assert {"good": 1, "bad": 1, "failed": 1} == {name: len(played) for name, played in stage.played.items()}


def test_a_worker_that_hangs_up(stage):
    """A worker that has closed its end keeps nobody busy until it ends; what it said before that is heard."""
    stage = stage()
    stage.last().say(wire.Ready(), wire.LogLine(20, "good-bye"))
    stage.last().hang_up()
    for _ in range(3):
        stage.turn()
    assert [("one", wire.Ready()), ("one", wire.LogLine(20, "good-bye"))] == stage.heard
    began = time.monotonic()
    stage.loop.turn(0.05)
    assert time.monotonic() - began >= 0.05
    stage.workers.measure(True)
    stage.fails()
    stage.let_pass(0.2)

    assert 2 == len(stage.played["one"])


def test_what_a_worker_hands_over_finds_no_room(stage, caplog):
    """It is replaced, and not accused of anything."""
    stage = stage()
    ends = os.pipe()
    data = wire.packed(wire.Descriptors({"ring": 2}))
    socket.send_fds(stage.last()._there, [data], [*ends])
    with no_free_descriptor(free=1):
        stage.turn()
    stage.last().say(wire.Ready())
    stage.turn()
    for end in ends:
        os.close(end)

    assert [signal.SIGKILL] == stage.last().signals
    assert "what it has to hand over cannot be kept: too many files are open" in stage.child().error
    assert ("", False) == (stage.child().refused, stage.child().ready)

"""A worker that says what it may not: it is killed, an alert names source and reason, and the agent goes on."""

import signal
import socket

import pytest

from falcohost.alert import Priority
from falcohost.host import wire
from falcohost.host.supervision.refusals import QUIET, REFUSED, Refusals


@pytest.fixture
def refusing(stage, raised):
    """Return a function that sets up workers whose refusals are told."""

    def refusing(*names):
        played = stage(*names)
        refusals = Refusals(raised.internal.raise_alert, played.clock)
        played.workers._buried = refusals.tell
        return played, refusals

    return refusing


#: A rule that no source has.
FORGED = wire.Undecided("other", (), 1)


def test_it_is_killed_and_told_of(refusing, raised):
    """What came before is heard; the alert is critical, and says which source and why."""
    stage, _ = refusing("one", "two")
    stage.last("one").say(wire.Ready(), wire.LogLine(20, "before"), FORGED, wire.LogLine(20, "after"))
    stage.turn()
    stage.last("one").end("killed by SIGKILL")
    stage.turn()

    assert [("one", wire.Ready()), ("one", wire.LogLine(20, "before"))] == stage.heard
    assert [signal.SIGKILL] == stage.last("one").signals
    assert [] == stage.last("two").signals
    (alert,) = raised.alerts
    assert (REFUSED, Priority.CRITICAL) == (alert.rule, alert.priority)
    assert "the worker of event source 'one' sent an invalid message and was killed: " in alert.message
    assert {
        "source": "one",
        "reason": "a rule was not decided that the source does not have",
        "pid": 4711,
        "earlier": 0,
    } == alert.fields


def hand_up_a_port(stage):
    """Have the last worker hand up a port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        data = wire.packed(wire.Descriptors({"port": 1}))
        socket.send_fds(stage.last()._there, [data], [server.fileno()])


def test_a_source_that_does_not_end(refusing, raised):
    """A worker cannot say that a source with a port has ended, and so make an end of it, or of the agent."""
    stage, _ = refusing("one")
    hand_up_a_port(stage)
    stage.last().say(wire.Ready(), wire.Ended())
    stage.turn()
    stage.last().end("killed by SIGKILL")
    stage.turn()

    assert [signal.SIGKILL] == stage.last().signals
    assert "the end of a source that does not end" in raised.alerts[0].message
    assert stage.loop.outcome is None


def test_a_port_that_is_given_back(refusing, raised):
    """Nor can it hand up less once it is open, and then say so."""
    stage, _ = refusing("one")
    hand_up_a_port(stage)
    stage.last().say(wire.Ready(), wire.Descriptors({}), wire.Ended())
    stage.turn()
    stage.last().end("killed by SIGKILL")
    stage.turn()

    assert ["port"] == [*stage.child().kept.descriptors]
    assert "other descriptors than it has to send" in raised.alerts[0].message
    assert stage.loop.outcome is None


def test_what_only_a_worker_before_had(refusing, raised):
    """What was kept before is let go when a worker is open that has not handed it up again: such a source may end."""
    stage, _ = refusing("one")
    hand_up_a_port(stage)
    stage.last().say(wire.Ready())
    stage.turn()
    stage.last().end("killed by SIGKILL")
    stage.turn()
    before = [*stage.last().kept], [*stage.child().to_keep.descriptors]
    stage.last().say(wire.Ready(), wire.Ended())
    stage.turn()

    assert (["port"], ["port"]) == before
    assert {} == stage.child().to_keep.descriptors
    assert [] == stage.last().signals == raised.alerts


def test_others_are_not_told_of(refusing, raised):
    """A worker that ends for another reason is not told of."""
    stage, _ = refusing("one")
    stage.last().say(wire.Ready(), wire.Ended())
    stage.last().end("")
    stage.turn()

    assert [] == raised.alerts


def test_restarts_do_not_flood(refusing, raised):
    """A worker that does it again and again is told of every ten minutes, with the number of times since."""
    stage, _ = refusing("one", "two")
    for _ in range(30):
        stage.last("one").say(wire.Ready(), FORGED)
        stage.turn()
        stage.last("one").end("killed by SIGKILL")
        stage.turn()
        stage.let_pass(31)
    times = int(QUIET // 31)

    assert [0, times] == [alert.fields["earlier"] for alert in raised.alerts]


def test_what_is_dropped_is_logged(refusing, caplog):
    """Messages for the log beyond the limit are counted in the log."""
    stage, refusals = refusing("one")
    for _ in range(10):
        stage.last().say(*[wire.LogLine(20, "x")] * 500)
        stage.turn()
    refusals.look(stage.child())
    refusals.look(stage.child())

    assert ["event source 'one' says too much: 3000 of its messages were dropped"] == caplog.messages

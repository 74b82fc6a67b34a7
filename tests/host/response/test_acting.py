"""Whether an action is taken: once, for new alerts, up to the caps, and only for what is bound."""

import contextlib
import os
import signal
import socket
import time

import msgspec
import pytest

from falcohost.host.response import messages
from falcohost.host.response.data import ActionData
from falcohost.host.response.process import ActionsProcess
from falcohost.host.response.request import MOST, Asking, Request, decode_alert, pack, unpack
from falcohost.host.response.target import Refusal
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.subject import UserSubject
from falcohost.testing.acting import Actor, about, alive, kill

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root sees what others run")

_SECOND = 1_000_000_000


def test_observe(actor, sleeper):
    """In the mode observe, what would be done is told, and nothing is done; and told only once."""
    actor, alert = actor(acts=False), about(sleeper.pid)
    actor.take(alert, alert)
    (told,) = actor.outcomes(1)

    assert ("observed", True) == (told.result, alive(sleeper.pid))
    assert told.text.startswith(f"would send SIGKILL to process {sleeper.pid} (")
    assert 1 == len(actor.link.told)


@pytest.mark.parametrize("seconds", [-3600, -11, 2, 3600])
def test_the_age(actor, sleeper, seconds):
    """Nothing is done about an alert that is older than ten seconds, or of the future."""
    actor = actor()
    actor.take(about(sleeper.pid, at=time.time_ns() + seconds * _SECOND))

    assert ("refused", True) == (actor.outcome().result, alive(sleeper.pid))


def test_stopped(actor, sleeper):
    """While all actions are stopped, none is taken; afterwards they are again."""
    actor = actor()
    actor.acting.stopped = True
    actor.take(about(sleeper.pid, 1))
    stopped = actor.outcome()
    actor.acting.stopped = False
    actor.take(about(sleeper.pid, 2))

    assert ("refused", "done") == (stopped.result, actor.outcome().result)


def test_at_most_once(agent, marks, sleeper, tmp_path):
    """An alert causes an action once, whichever process gets it: also one that begins after the former was killed."""
    alert = about(sleeper.pid)
    child = os.fork()
    if child == 0:
        actor = Actor(agent, marks)
        actor.acting._signalling.kill = lambda case, settings: case.begins("x") and os.kill(os.getpid(), signal.SIGKILL)
        actor.take(alert)
        os._exit(1)
    assert -signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    actor = Actor(agent, marks)
    actor.take(alert, alert)

    assert ([], True) == (actor.link.told, alive(sleeper.pid))


def test_a_mark_that_cannot_be_written(agent, sleeper):
    """What cannot be written down is not done."""
    full = os.open("/dev/full", os.O_RDWR)
    actor = Actor(agent, (full, full))
    actor.take(about(sleeper.pid))
    told = actor.outcome()

    assert ("refused", True) == (told.result, alive(sleeper.pid))
    assert "No space left" in told.text


def test_caps(actor, sleeper):
    """More than so many a minute are not taken, and are counted; what one source asks for takes nothing of another."""
    bound = {"syscall": {"Shell": ("zap",)}, "other": {"Shell": ("zap",)}}
    actor = actor(actions={"zap": kill(per_minute=3)}, acts=False, bound=bound)
    actor.take(*(about(sleeper.pid, number) for number in range(50)))
    actor.take(about(sleeper.pid, 99, source="other"), source="other")
    actor.acting.telling.tell_rest(now=True)
    told = actor.link.told

    assert {"observed": 4, "capped": 47} == {
        result: sum(one.count for one in told if one.result == result) for result in ("observed", "capped")
    }
    assert len(told) < 40


def test_the_cap_of_a_source(actor, sleeper):
    """All actions of a source together have a cap, too."""
    actor = actor(per_minute=2, acts=False)
    actor.take(*(about(sleeper.pid, number) for number in range(4)))

    assert ["observed", "observed", "capped", "capped"] == [one.result for one in actor.link.told]


def test_what_is_not_bound(actor, sleeper):
    """A rule that has no action causes none, and neither does a rule of another source."""
    actor = actor()
    actor.take(about(sleeper.pid, 1, rule="Other"), about(sleeper.pid, 2))
    actor.take(about(sleeper.pid, 3, source="other"), source="other")

    assert [2] == [int(one.alert, 16) for one in actor.outcomes(1)]


@pytest.mark.parametrize(
    "change",
    [{"source": "other"}, {"hostname": "elsewhere"}, {"depth": 1}, {"id": ""}, {"id": "x y\n"}, {"id": "a" * 65}],
    ids=lambda change: next(iter(change)),
)
def test_what_no_worker_asks(actor, sleeper, change):
    """A request about an alert that is not the source's own is an error, and does nothing."""
    actor = actor()
    with pytest.raises(ValueError, match="a request about"):
        actor.take(about(sleeper.pid, **change))

    assert ([], True) == (actor.link.told, alive(sleeper.pid))


def test_an_alert_about_no_process(actor, sleeper):
    """There is nothing to kill."""
    actor = actor()
    actor.take(about(sleeper.pid, subjects=(UserSubject("okta.user", "x"),)))

    assert ("refused", "the alert is about no process") == ((told := actor.outcome()).result, told.text)


def test_a_supervisor_that_does_not_answer(actor, sleeper):
    """Without its answer, nothing is done."""
    actor = actor()

    def silent(pids):
        raise Refusal("the supervisor does not answer")

    actor.acting._signalling._link.look = silent
    actor.take(about(sleeper.pid))

    assert ("refused", True) == (actor.outcome().result, alive(sleeper.pid))


def test_other_actions(actor, sleeper):
    """An action that is no signal is passed on, with the alert, and marked before."""
    actor = actor(actions={"zap": ActionData("http", b"", 60)})
    alert = about(sleeper.pid)
    actor.take(alert, alert)
    (do,) = actor.link.told

    assert (messages.Do, "zap", "done") == (type(do), do.outcome.action, do.outcome.result)
    assert alert == decode_alert(do.alert)


def test_what_the_agent_itself_has_caused(actor, agent):
    """An alert about a process of the agent, such as the program of an action, causes no other."""
    actor = actor(actions={"zap": ActionData("program", b"", 60)})
    actor.take(about(agent))
    told = actor.outcome()

    assert "refused" == told.result
    assert "is the agent's" in told.text


def test_requests(sleeper):
    """A request arrives as it was sent; one that is too large has no fields; those that nobody took are counted."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking, alert = Asking(["Shell"]), about(sleeper.pid)
    asking.ask(alert)
    asking.renew(here)
    asking.ask(alert)
    asking.ask(about(sleeper.pid, fields={"x": "y" * MOST}, message="m", output="12:00: m"))
    first, second = unpack(there.recv(MOST)), unpack(there.recv(MOST))

    assert Request(alert, 1) == first
    assert ({}, "m", "12:00: m", 0) == (second.alert.fields, second.alert.message, second.alert.output, second.lost)
    for _ in range(2000):
        asking.ask(alert)  # never waits
    there.close()
    asking.ask(alert)


@pytest.mark.parametrize("packet", [b"", b"\xc1", b"x" * 100, msgspec.msgpack.encode({"alert": {}, "lost": 0})])
def test_what_is_no_request(packet):
    """Anything else is an error of the kind that a decoder has."""
    with pytest.raises(ValueError):
        unpack(packet)
    with pytest.raises(ValueError, match="lost"):
        unpack(pack(Request(about(os.getpid()), -1)))


@pytest.mark.parametrize("packet", [b"\xc1nonsense", pack(Request(about(os.getpid(), source="other")))])
def test_a_worker_in_the_hands_of_others(actor, packet):
    """One that sends what is no request, or one about another source, is accused, and not heard any more."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    actor = actor()
    actor.link.channel = None
    process = ActionsProcess(actor.loop, actor.link, actor.acting)
    process._attach(DEFAULT_SOURCE, there)
    here.send(packet)
    actor.loop.turn(1)
    (told,) = actor.link.told

    assert (messages.Accused, DEFAULT_SOURCE) == (type(told), told.source)
    with pytest.raises(OSError):
        here.send(packet)


def test_a_worker_that_asks_and_asks(actor, sleeper):
    """What one worker asks for, however often, gets no more than its caps, and keeps nobody else from being heard."""
    floods, flooded = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    quiet, heard = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bound = {DEFAULT_SOURCE: {"Shell": ("zap",)}, "other": {"Shell": ("zap",)}}
    actor = actor(acts=False, per_minute=5, bound=bound)
    actor.link.channel = None
    process = ActionsProcess(actor.loop, actor.link, actor.acting)
    process._attach(DEFAULT_SOURCE, flooded)
    process._attach("other", heard)
    floods.setblocking(False)
    number = 0
    for turn in range(10):
        with contextlib.suppress(BlockingIOError):
            while True:
                number += 1
                floods.send(pack(Request(about(sleeper.pid, number))))
        if turn == 1:
            quiet.send(pack(Request(about(sleeper.pid, source="other"))))
        actor.loop.turn(1)
    observed = [one.source for one in actor.link.told if one.result == "observed"]

    assert (5, 1) == (observed.count(DEFAULT_SOURCE), observed.count("other"))

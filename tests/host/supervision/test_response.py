"""The supervisor and a process that acts which is in an attacker's hands: what it may have, and what it may tell."""

import os
import socket
from collections import Counter

import pytest
from hostile import Watched, starting

from falcohost.host.response import messages
from falcohost.host.response.given import ActionsGiven, ResponsesGiven
from falcohost.host.response.state import Switch
from falcohost.host.supervision import response as module
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.response import ACTION, AT_ONCE, MOST_WAITING, Response, ResponseGiven
from falcohost.host.wire import packed

OUTCOME = messages.Outcome(action="zap", result="done", text="has done it", alert="a", rule="r", source="s", pid=7)


class Acting(Watched):
    """A supervisor's side, which notes what it is told."""

    def __init__(self, *, responds=False):
        self.alerts, self.accused = [], []

        def null():
            return os.open(os.devnull, os.O_RDONLY)

        given = ResponseGiven(
            actions=ActionsGiven(data=null(), marks=(null(), null()), user=None),
            responses=ResponsesGiven(data=null(), user=None) if responds else None,
            names=["zap"],
            switch=Switch(None),
        )
        self.response = Response(
            loop := Loop(),
            given,
            list,
            lambda child, message, descriptor: None,
            lambda source, error: self.accused.append(source),
            lambda *one: self.alerts.append(one),
        )
        super().__init__(loop, self.response)

    @property
    def numbers(self):
        """Return what has come of the action."""
        (one,) = self.response.numbers()
        return one.numbers


@pytest.fixture
def hostile(monkeypatch):
    """Return a function that runs processes which do what they are told; they are killed in the end."""
    running = []

    def hostile(does, responds=None):
        monkeypatch.setattr(module, "start_actions", starting(does))
        monkeypatch.setattr(module, "start_responses", starting(responds))
        watched = Acting(responds=responds is not None)
        watched.response.start()
        running.append(watched)
        return watched

    yield hostile
    for watched in running:
        watched.end()


def test_what_it_tells(hostile):
    """An outcome is counted, and an alert of a rule that is not of its choice."""
    watched = hostile(lambda link: link.sendall(packed(OUTCOME)))
    watched.run(lambda: watched.alerts)
    ((rule, _, text, fields),) = watched.alerts

    assert (ACTION, 1, 7) == (rule, watched.numbers.done, fields["proc.pid"])
    assert "action 'zap' on an alert of the rule 'r': has done it" == text


def test_actions_that_there_are_not(hostile):
    """What it tells of another action is nothing."""
    other = messages.Outcome(action="other", result="done", text="x")
    watched = hostile(lambda link: link.sendall(packed(other) * 10 + packed(OUTCOME)))
    watched.run(lambda: watched.numbers.done)

    assert 1 == len(watched.alerts)


def test_a_flood(hostile):
    """However much it tells, only so many alerts come of it; all are counted."""
    count = int(AT_ONCE) * 4
    watched = hostile(lambda link: link.sendall(packed(OUTCOME) * count))
    watched.run(lambda: watched.numbers.done == count)

    assert AT_ONCE <= len(watched.alerts) < count


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        packed(messages.Stopped(on=False)),
        packed(messages.Outcome(action="zap", result="blocked", text="")),
        packed(messages.Outcome(action="zap", result="done", text="x" * 2000)),
        packed(messages.Look(1, [1] * 5000)),
    ],
    ids=["no message", "not its message", "no such result", "too long", "too many"],
)
def test_what_it_may_not_send(hostile, sent):
    """It is killed and replaced."""
    watched = hostile(lambda link: link.sendall(sent))
    watched.run(lambda: watched.response.restarts("actions"))

    assert {"Falcohost internal: process restarted"} == {one[0] for one in watched.alerts}


def test_what_it_may_see(hostile):
    """It is told what processes run, and gets no file but what freezes a cgroup."""

    def does(link):
        link.sendall(packed(messages.Look(1, [os.getpid(), 0, 1 << 40])))
        link.sendall(packed(messages.OpenFreezer(2, "/../../../etc/passwd", 1)))
        link.sendall(packed(messages.OpenFreezer(3, "/", 1)))
        answers = b""
        while answers.count(b"Freezer") < 2:
            data, descriptors, _, _ = socket.recv_fds(link, 65536, 4)
            answers += data
            if descriptors:
                os._exit(9)
        seen = answers.count(b"Seen") == 1 and b"cgroup" in answers
        link.sendall(packed(OUTCOME if seen else messages.Outcome(action="zap", result="failed", text="")))

    watched = hostile(does)
    watched.run(lambda: watched.alerts)

    assert (1, 0) == (watched.numbers.done, watched.numbers.failed)


def test_whom_it_accuses(hostile):
    """A worker that it accuses is told of by its source."""
    watched = hostile(lambda link: link.sendall(packed(messages.Accused("json", "x"))))
    watched.run(lambda: watched.accused)

    assert ["json"] == watched.accused


def test_what_another_takes(hostile):
    """An action that is no signal goes to the other process, whose word decides what is told; and not too many."""
    todo = [messages.Do(number, OUTCOME, b"x") for number in range(MOST_WAITING + 5)]

    def acts(link):
        for one in todo:
            link.sendall(packed(one))

    def responds(link):
        link.recv(1 << 20)
        link.sendall(packed(messages.Done(0, failed=False, text="has run")) * 3)
        link.sendall(packed(messages.Done(99, failed=False, text="not asked")))
        link.sendall(packed(messages.Done(1, failed=True, text="has failed")))

    watched = hostile(acts, responds)
    watched.run(lambda: watched.numbers.done and watched.numbers.failed >= 6)
    texts = Counter(one[2].rpartition(": ")[2] for one in watched.alerts)

    assert 1 == texts["has run"]
    assert 1 == texts["has failed"]
    assert 0 == texts["not asked"]
    assert texts[f"{MOST_WAITING} others wait"] >= 4


def test_the_end_of_the_other(hostile):
    """If it ends before it has said what came of an action, that is told, and the action is not taken again."""
    watched = hostile(
        lambda link: link.sendall(packed(messages.Do(1, OUTCOME, b"x"))),
        lambda link: link.recv(1 << 20) and os._exit(1),
    )
    watched.run(lambda: watched.numbers.failed)

    assert (0, 1) == (watched.numbers.done, watched.numbers.failed)
    assert any("has ended before it had said" in one[2] for one in watched.alerts)


def test_an_end_while_one_waits_to_be_started(hostile):
    """A process that has just ended, and is to be started again a moment later, is not waited for."""
    watched = hostile(lambda link: os._exit(1))
    watched.run(lambda: watched.alerts and not [*watched.response.running()])
    assert not watched.response.over
    watched.response.end()

    assert watched.response.over

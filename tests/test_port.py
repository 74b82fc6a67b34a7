"""Both kinds of port behave alike: in the process, and over a socket to another one."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from falcohost import port as ports
from falcohost.port import LocalPort, PortClosed, SocketPort, serve, serve_late
from falcohost.testing.waiting import wait_until


class Question(msgspec.Struct, frozen=True):
    """Asks for the owner of a machine."""

    host: str


class Answer(msgspec.Struct, frozen=True):
    """Names the owner; None: there is none."""

    host: str
    owner: str | None


def owner(question: Question) -> Answer:
    """Answer a question."""
    return Answer(question.host, {"web": "ann", "db": "bob"}.get(question.host))


Make = Callable[[Callable[[Question], Answer]], Any]


@pytest.fixture(params=["in the process", "over a socket"])
def port_to(request) -> Iterator[Make]:
    """Return a function that opens a port to a function."""
    opened, threads = [], []

    def port_to(answer: Callable[[Question], Answer]) -> Any:
        if request.param == "in the process":
            opened.append(LocalPort(answer))
            return opened[-1]
        here, there = socket.socketpair()
        threads.append(threading.Thread(target=serve, args=(there, Question, answer)))
        threads[-1].start()
        opened.append(SocketPort(here, Answer))
        return opened[-1]

    yield port_to
    for one in opened:
        one.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def answers(port: Any, count: int) -> list[Answer]:
    """Return so many answers, in the order in which they come."""
    found: list[Answer] = []
    wait_until(lambda: found.extend(port.answers()) or len(found) >= count, lambda: found)
    return found


def test_questions_are_answered_in_order(port_to):
    """Each question has one answer, in the order of the questions."""
    port = port_to(owner)
    for host in ("web", "db", "mail"):
        assert port.ask(Question(host))

    assert [Answer("web", "ann"), Answer("db", "bob"), Answer("mail", None)] == answers(port, 3)


def test_nothing_comes_unasked(port_to):
    """Without a question there is no answer, and asking for answers does not wait."""
    port = port_to(owner)

    assert [] == list(port.answers())


def test_an_answer_comes_once(port_to):
    """An answer that was handed out does not come again."""
    port = port_to(owner)
    port.ask(Question("web"))
    answers(port, 1)

    assert [] == list(port.answers())


def test_too_many_questions_are_refused(port_to, monkeypatch):
    """Beyond the bound a question is not taken; it is when an answer has come."""
    monkeypatch.setattr(ports, "MOST_ASKED", 2)
    held = threading.Event()
    port = port_to(lambda question: held.wait(10) and owner(question))

    assert [True, True, False] == [port.ask(Question("web")) for _ in range(3)]
    held.set()
    answers(port, 2)
    assert port.ask(Question("web"))


def test_large_messages_pass(port_to):
    """A question and an answer that no socket takes at once come as a whole."""
    port = port_to(lambda question: Answer(question.host, question.host))
    large = "x" * 500_000
    port.ask(Question(large))

    assert [Answer(large, large)] == answers(port, 1)


def test_a_closed_port_says_so(port_to):
    """Nothing is asked of a port that is closed."""
    port = port_to(owner)
    port.close()

    with pytest.raises(PortClosed):
        port.ask(Question("web"))
    with pytest.raises(PortClosed):
        port.answers()


def test_the_other_side_may_end():
    """A port whose other side is gone, or sends what is no answer, raises instead of waiting for ever."""
    for sent in (b"", struct.pack("<I", 1 << 30), struct.pack("<I", 1) + b"\xc1"):
        here, there = socket.socketpair()
        port = SocketPort(here, Answer)
        there.sendall(sent)
        there.close()

        with pytest.raises(PortClosed):
            port.answers()
        port.close()


def test_answers_that_come_late():
    """A service that answers later, in another order and from other threads, is asked on meanwhile."""
    here, there = socket.socketpair()
    waiting: list[tuple[Question, Any]] = []
    thread = threading.Thread(
        target=serve_late, args=(there, Question, lambda question, answer: waiting.append((question, answer)))
    )
    thread.start()
    port: SocketPort[Question, Answer] = SocketPort(here, Answer)
    for host in ("web", "db"):
        assert port.ask(Question(host))
    wait_until(lambda: len(waiting) == 2)
    threads = [threading.Thread(target=answer, args=(owner(question),)) for question, answer in reversed(waiting)]
    for one in threads:
        one.start()
        one.join()

    assert [Answer("db", "bob"), Answer("web", "ann")] == answers(port, 2)
    port.close()
    thread.join(10)
    assert not thread.is_alive()
    waiting[0][1](Answer("web", None))  # nobody is there any more


def test_a_service_ends_with_what_is_no_question():
    """Anything but a question ends the service, and with it the port."""
    here, there = socket.socketpair()
    here.sendall(struct.pack("<I", 1) + b"\xc1")
    serve(there, Question, owner)

    assert b"" == here.recv(1)
    here.close()

"""Listening sockets go from a worker to the supervisor, and on to the next worker."""

import os
import socket

import pytest

from falcohost import listening
from falcohost.host import wire
from falcohost.host.kept_sockets import MOST, Kept, hand_up
from falcohost.listening import inherit, listening_sockets


@pytest.fixture
def link(monkeypatch):
    """Return both ends of a way to the supervisor, in a process that listens on nothing yet."""
    monkeypatch.setattr(listening, "_listening", {})
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def open_descriptors():
    """Return how many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_the_next_worker_listens_on_the_same_socket(link):
    """It is bound once; who connects while nobody serves is there when somebody does."""
    here, there = link
    (bound,) = listening_sockets("a", lambda: [socket.create_server(("127.0.0.1", 0))])
    address = bound.getsockname()
    hand_up(there)
    kept = Kept()
    (message,) = wire.FromWorker().feed(kept.receive(here))
    kept.take(message.counts)
    bound.close()
    waiting = socket.create_connection(address)
    inherit(kept.descriptors)
    (again,) = listening_sockets("a", lambda: pytest.fail("bound again"))
    with waiting, again:
        assert waiting.getsockname() == again.accept()[1]


def test_what_is_no_longer_listened_on_is_closed(link):
    """An address that a source had and has no more is free."""
    _, there = link
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    inherit({"former": [server.detach()]})
    hand_up(there)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_a_worker_that_sends_descriptors_without_end(link):
    """No more are kept than there may be, and none when the port is let go."""
    here, there = link
    before, kept = open_descriptors(), Kept()
    for _ in range(20):
        socket.send_fds(there, [b"x"], [0] * MOST)
        kept.receive(here)
    assert open_descriptors() <= before + MOST

    kept.take({"a": 3})
    assert 3 == len(kept.descriptors["a"]) == open_descriptors() - before
    kept.close()
    assert before == open_descriptors()

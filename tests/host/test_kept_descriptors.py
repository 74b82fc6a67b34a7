"""Descriptors go from a worker to the supervisor, and on to the next worker."""

import contextlib
import ctypes
import os
import resource
import socket
import struct
from unittest.mock import patch

import pytest

from falcohost import handed
from falcohost.handed import MOST_HELD, MOST_KEPT, inherit
from falcohost.host import wire
from falcohost.host.kept_descriptors import Kept, hand_up
from falcohost.host.open_files import WANTED
from falcohost.kept import held, hold, inherited, keep, room
from falcohost.listening import listening_sockets


@pytest.fixture
def link():
    """Return both ends of a way to the supervisor, in a process that has nothing to keep yet."""
    with contextlib.ExitStack() as stack:
        for kept in (handed.KEPT, handed.INHERITED, handed.HELD, handed.HELD_BEFORE):
            stack.enter_context(patch.dict(kept, clear=True))
        here, there = socket.socketpair()
        with here, there:
            yield here, there


def from_worker():
    """Return what puts together the messages of a worker."""
    return wire.Received(wire.Up)


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
    (message,) = from_worker().feed(kept.receive(here))
    kept.take(message.counts)
    bound.close()
    waiting = socket.create_connection(address)
    inherit(kept.descriptors, {})
    (again,) = listening_sockets("a", lambda: pytest.fail("bound again"))
    with waiting, again:
        assert waiting.getsockname() == again.accept()[1]


def filtered(server):
    """Have no packet reach *server*, for good (SO_ATTACH_FILTER, SO_LOCK_FILTER; the filter returns 0)."""
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))
    server.setsockopt(socket.SOL_SOCKET, 26, struct.pack("@HP", 1, ctypes.addressof(code)))
    server.setsockopt(socket.SOL_SOCKET, 44, 1)


SPOILT = {
    "it listens no more": lambda server: server.shutdown(socket.SHUT_RDWR),
    "it has a filter": filtered,
    "it is bound to an interface": lambda server: server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo"),
    "it wants senders that are near": lambda server: server.setsockopt(socket.IPPROTO_IP, 21, 255),
    "it is no socket": lambda server: os.dup2(os.open(os.devnull, os.O_RDONLY), server.fileno()),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_socket_that_a_worker_has_spoilt(link, how, caplog):
    """The next worker binds the address anew, while the supervisor still has its copy, and is reached."""
    bound = socket.create_server(("127.0.0.1", 0))
    address = bound.getsockname()
    copy = bound.dup() if how != "it is no socket" else None
    SPOILT[how](bound)
    inherit({"listening on a": [bound.detach()]}, {})
    (again,) = listening_sockets("a", lambda: [socket.create_server(address)])
    with again, socket.create_connection(address, 5) as sender:
        assert sender.getsockname() == again.accept()[1]
    assert "a is bound anew" in caplog.text
    if copy is not None:
        copy.close()


def test_what_is_no_longer_listened_on_is_closed(link):
    """An address that a source had and has no more is free."""
    _, there = link
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    inherit({"former": [server.detach()]}, {})
    hand_up(there)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_a_worker_that_sends_descriptors_without_end(link):
    """No more are kept than there may be, and none when the port is let go."""
    here, there = link
    before, kept = open_descriptors(), Kept()
    for _ in range(20):
        socket.send_fds(there, [b"x"], [0] * MOST_KEPT)
        kept.receive(here)
    assert open_descriptors() <= before + MOST_KEPT

    assert kept.take({"a": 3, "b": MOST_KEPT - 3})
    assert (3, MOST_KEPT) == (len(kept.descriptors["a"]), open_descriptors() - before)
    kept.close()
    assert before == open_descriptors()


def test_any_descriptor_is_kept_under_its_name(link):
    """What was written to a file in memory is there for the next worker, and several of one name keep their order."""
    here, there = link
    files = [os.memfd_create(f"file {number}", os.MFD_CLOEXEC) for number in range(2)]
    for number, file in enumerate(files):
        os.write(file, b"%d" % number)
    keep("files", files)
    hand_up(there)
    kept = Kept()
    (message,) = from_worker().feed(kept.receive(here))
    kept.take(message.counts)
    for file in files:
        os.close(file)
    inherit(kept.descriptors, {})

    assert [b"0", b"1"] == [os.pread(file, 9, 0) for file in inherited("files")]
    assert () == inherited("files")


def test_more_than_one_message_has_room_for(link, many_files):
    """All that a loader may have held arrives in its order, before the message that says what it is."""
    here, there = link
    files = [os.memfd_create(f"file {number}", os.MFD_CLOEXEC) for number in range(7)]
    for number, file in enumerate(files):
        os.write(file, b"%d" % number)
    keep("first", files[:3])
    hold("many", [files[number % 7] for number in range(MOST_HELD - 3)])
    before = open_descriptors()
    hand_up(there)
    kept, received, messages = Kept(MOST_HELD), from_worker(), []
    while not messages:
        messages = received.feed(kept.receive(here))
    assert kept.take(messages[0].counts, messages[0].held)

    assert before + MOST_HELD == open_descriptors()
    assert [b"0", b"1", b"2"] == [os.pread(file, 9, 0) for file in kept.descriptors["first"]]
    assert [b"%d" % (number % 7) for number in range(MOST_HELD - 3)] == [
        os.pread(file, 9, 0) for file in kept.held["many"]
    ]
    kept.close()
    for file in files:
        os.close(file)


def test_a_loader_that_ends_while_it_hands_up(link):
    """What had arrived of it is closed, and the next one is understood."""
    here, there = link
    before, kept = open_descriptors(), Kept(MOST_HELD)
    socket.send_fds(there, [b"x"], [0] * 9)
    kept.receive(here)
    kept.begin(MOST_HELD)

    assert before == open_descriptors()
    socket.send_fds(there, [b"x"], [0])
    kept.receive(here)
    assert kept.take({"a": 1})
    kept.close()


@pytest.mark.parametrize(
    ("limit", "most"), [(512, MOST_KEPT), (1024, 256), (2048, 768), (WANTED, MOST_HELD), (-1, MOST_HELD)]
)
def test_how_much_can_be_held(monkeypatch, limit, most):
    """It goes by the limit of open files: the supervisor holds that of two loaders, and has others open."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))

    assert most == room()


def test_as_much_as_can_be_held(link, monkeypatch):
    """What is kept counts, too; what was held before stays."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 1024))
    keep("few", [0] * 6)
    hold("many", [0] * 250)
    with pytest.raises(ValueError, match="no more than 256 descriptors can be kept"):
        hold("more", [0])
    with pytest.raises(ValueError, match="no more than 256 descriptors can be kept"):
        hold("many", [0] * 251)

    assert {"many": (0,) * 250, "more": ()} == handed.HELD
    with pytest.raises(ValueError, match="no more than 250 descriptors can be kept"):
        keep("few", [0] * 251)


def test_more_than_can_be_kept():
    """It is an error of the source, before anything is sent."""
    with pytest.raises(ValueError, match="no more than 250 descriptors can be kept"):
        keep("many", [0] * (MOST_KEPT + 1))


@pytest.mark.parametrize("counts", [{"a": -1}, {"a": MOST_HELD + 1}, {"x" * 5000: 1}, {str(n): 1 for n in range(300)}])
def test_counts_that_are_none(counts):
    """A worker that names descriptors that it cannot have sent is not understood."""
    received = from_worker()
    assert [] == received.feed(wire.packed(wire.Descriptors(counts)))
    assert received.refused is not None


@pytest.mark.parametrize("counts", [{"a": 2}, {}, {"a": 1, "b": 1}])
def test_descriptors_that_are_not_as_many_as_it_says(link, counts):
    """None is kept of a worker that does not send as many as it says."""
    here, there = link
    kept = Kept()
    socket.send_fds(there, [b"x"], [0])
    kept.receive(here)
    before = open_descriptors()

    assert not kept.take(counts)
    assert ({}, before - 1) == (kept.descriptors, open_descriptors())


def test_a_worker_has_nothing_of_the_process_that_has_forked_it(link):
    """What that one would have handed up, or has inherited, is not the worker's."""
    here, there = link
    keep("port", [0])
    hold("link", [0])
    inherit({"other": [1 << 20]}, {"further": [1 << 20]})
    inherit({}, {})
    hand_up(there)

    assert ((), ()) == (inherited("other"), held("further"))
    with pytest.raises(BlockingIOError):
        here.recv(1, socket.MSG_DONTWAIT)

"""The agent's socket: whom it answers, whom it leaves, and what it leaves behind."""

import contextlib
import gc
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from falcohost.errors import StateError
from falcohost.host.connection import NAME, Connection
from falcohost.host.control import MOST_CLIENTS, PAUSE, Control
from falcohost.host.numbers import StoreNumbers
from falcohost.host.snapshot import Snapshot, StoreSnapshot, StoreState
from falcohost.host.supervision.loop import Loop
from falcohost.testing.clock import ManualClock
from falcohost.testing.shortages import no_free_descriptor
from falcohost.testing.waiting import wait_until

SNAPSHOT = Snapshot("0", 4711, 1.5, [], [], StoreSnapshot(StoreState(kept=True), StoreNumbers(3)))


class Served:
    """An agent's end of the socket in *directory*, in a loop of its own thread.

    :ivar measured: whether it was to measure, each time that it was told.
    """

    def __init__(self, directory):
        self.measured = []
        self._over = False
        self._loop = Loop()
        self._control = Control(self._loop, directory, lambda then: then(), lambda: SNAPSHOT, self.measured.append)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        """Begin to listen."""
        self._control.__enter__()
        self._thread.start()
        return self

    def _run(self):
        while not self._over:
            self._loop.turn(0.01)

    def __exit__(self, *_):
        """Leave all clients, and listen no more."""
        self._over = True
        self._thread.join()
        self._control.__exit__()


@pytest.fixture
def served(tmp_path):
    """Return the agent's end of a socket in *tmp_path*."""
    with Served(tmp_path) as served:
        yield served


@pytest.fixture
def connect(tmp_path):
    """Return a function that connects to the socket; all connections are closed in the end."""
    with contextlib.ExitStack() as stack:

        def connect():
            link = stack.enter_context(socket.socket(socket.AF_UNIX))
            link.settimeout(60)
            link.connect(str(tmp_path / NAME))
            return link

        yield connect


def is_answered(link, request=b"{}\n"):
    """Return whether the agent answers on this connection, and does not end it."""
    try:
        link.sendall(request)
        return link.recv(1) == b"{"
    except (BrokenPipeError, ConnectionResetError):
        return False


def ask(directory):
    """Return what the agent in *directory* says."""
    with contextlib.closing(Connection(directory)) as connection:
        return connection.ask()


def test_numbers_arrive_as_they_were_sent(served, tmp_path):
    """Who asks has the agent's numbers, as often as it likes."""
    with contextlib.closing(Connection(tmp_path)) as connection:
        assert [SNAPSHOT, SNAPSHOT] == [connection.ask(), connection.ask()]


def test_measuring_ends_with_the_last_who_wants_it(served, tmp_path):
    """Costs are measured from when the first client wants them until the last of those has left."""
    with contextlib.closing(Connection(tmp_path)) as other:
        with contextlib.closing(Connection(tmp_path)) as one:
            one.ask(measure=True)
            other.ask(measure=True)
            assert [True] == served.measured
        other.ask(measure=True)
        assert [True] == served.measured

    wait_until(lambda: served.measured == [True, False])


def test_who_says_nothing_wants_nothing(served, tmp_path, connect):
    """Costs are not measured for a client that has not asked yet."""
    connect()
    ask(tmp_path)

    assert [] == served.measured


def test_a_client_can_think_better_of_it(served, tmp_path):
    """A client that no longer wants costs measured says so by its next request."""
    with contextlib.closing(Connection(tmp_path)) as one:
        one.ask(measure=True)
        one.ask()

        assert [True, False] == served.measured


def test_only_its_own_user_can_ask(served, tmp_path):
    """The socket is nobody else's."""
    assert 0o600 == stat.S_IMODE((tmp_path / NAME).stat().st_mode)


@pytest.mark.parametrize("request_", [b"rubbish\n", b"[1]\n", b'{"stop":true}\n', b"{}\n{}\n", b"x" * 5000])
def test_rubbish_ends_the_connection(served, tmp_path, connect, request_):
    """Whoever sends what is no request is left, and others are served."""
    assert not is_answered(connect(), request_)
    assert SNAPSHOT == ask(tmp_path)


def test_a_request_may_come_in_pieces(served, connect):
    """A request counts when its line is whole."""
    link = connect()
    link.sendall(b'{"meas')
    link.sendall(b'ure":true}')

    assert is_answered(link, b"\n")
    assert [True] == served.measured


def test_clients_that_do_not_read(served, tmp_path, connect):
    """A client that asks on without reading is left."""
    link = connect()

    def is_left():
        try:
            link.sendall(b"{}\n")
        except BrokenPipeError:
            return True
        return False

    assert any(is_left() for _ in range(1_000_000))
    assert SNAPSHOT == ask(tmp_path)


def test_too_many_clients(served, connect):
    """One more than there may be at once is not served, until another has left."""
    links = [connect() for _ in range(MOST_CLIENTS + 1)]

    assert [True] * MOST_CLIENTS + [False] == [is_answered(link) for link in links]
    links[0].close()
    wait_until(lambda: is_answered(connect()))  # the agent may see the one that comes before the one that went


def test_a_killed_agent_leaves_nothing_in_the_way(tmp_path):
    """A socket that nobody listens at any more is replaced."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / NAME))
    with pytest.raises(StateError, match=r"no falcohost is running with the state directory .*--state-dir"):
        Connection(tmp_path)
    with Served(tmp_path):
        assert SNAPSHOT == ask(tmp_path)


def test_an_agent_that_ends_takes_its_socket_with_it(tmp_path):
    """Who asks an agent that has ended is told so, and nobody finds it later."""
    with Served(tmp_path):
        connection = Connection(tmp_path)
        assert SNAPSHOT == connection.ask()
    with contextlib.closing(connection), pytest.raises(StateError, match="falcohost has ended"):
        connection.ask()

    assert [] == list(tmp_path.iterdir())


def descriptors():
    """Return how many descriptors this process has."""
    gc.collect()  # other tests' leavings
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_left_open(tmp_path):
    """The agent's end closes its socket, and those of clients that are still there."""
    served, before = Served(tmp_path), descriptors()
    with served:
        connection = Connection(tmp_path)
        connection.ask()
    connection.close()

    assert before == descriptors()


def test_clients_that_left_leave_nothing_behind(served, tmp_path):
    """A client that has left takes its descriptor with it."""
    before = descriptors()
    for _ in range(5):
        ask(tmp_path)

    wait_until(lambda: descriptors() <= before)


def test_the_mode_of_other_files_is_left_alone(served):
    """Only the socket is made for its user alone."""
    mask = os.umask(0o022)
    os.umask(mask)

    assert 0o177 != mask


def test_a_path_longer_than_a_sockets_name(tmp_path):
    """A state directory whose name is longer than the address of a socket may be does not matter."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with Served(deep):
        assert SNAPSHOT == ask(deep)


def test_without_a_state_directory(tmp_path):
    """An agent that keeps nothing is asked nothing."""
    with Served(None):
        pass


def test_where_there_can_be_no_socket(tmp_path, caplog):
    """An agent whose socket cannot be made runs without, and says so."""
    with Served(tmp_path / "none"):
        path = tmp_path / "none" / NAME
        assert [
            f"'falcohost stats' cannot reach this agent: cannot create {path}: No such file or directory"
        ] == caplog.messages


def test_numbers_of_another_version(tmp_path):
    """An agent of another version, whose numbers say something else, is to be restarted."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / NAME))
        other.listen()
        with contextlib.closing(Connection(tmp_path)) as connection:
            link, _ = other.accept()
            with link:
                link.sendall(b'{"version":"9","sources":[{"name":"one"}]}\n')
                with pytest.raises(StateError, match="has a different version from this command; restart it"):
                    connection.ask()


def test_no_descriptor_for_a_client(tmp_path, connect, monkeypatch):
    """A client that cannot be accepted waits, without keeping the loop busy, and is answered later."""
    tried, now = [], ManualClock()
    loop = Loop(now)
    control = Control(loop, tmp_path, lambda then: then(), lambda: SNAPSHOT, lambda on: None)
    accept = control._accept
    monkeypatch.setattr(control, "_accept", lambda: (tried.append(1), accept()))
    with control:
        link = connect()
        link.sendall(b"{}\n")
        with no_free_descriptor():
            for _ in range(5):
                loop.turn(0)
        assert 1 == len(tried)
        now.advance(PAUSE + 0.01)
        for _ in range(3):
            loop.turn(0)
        assert b"{" == link.recv(1)
        assert 2 == len(tried)


def test_the_end_while_no_client_is_accepted(tmp_path, connect):
    """It leaves nothing behind."""
    loop = Loop()
    with Control(loop, tmp_path, lambda then: then(), lambda: SNAPSHOT, lambda on: None):
        connect()
        with no_free_descriptor():
            loop.turn(0)

    assert not (tmp_path / NAME).exists()
    assert [] == loop._timers

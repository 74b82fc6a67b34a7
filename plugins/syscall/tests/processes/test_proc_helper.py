"""A helper reads /proc for the source: it answers what the source could read itself, and nothing but that."""

import os
import socket
import struct
import subprocess
import sys
import threading
import time

import msgspec
import pytest

from falcohost.helpers import HelperEnded
from falcohost_syscall.processes import proc_helper, proc_reader, procfs
from falcohost_syscall.processes.boot_clock import ticks
from falcohost_syscall.processes.proc_helper import AT_ONCE, LONGEST_ANSWER, MOST, PATIENCE, Remote, serve
from falcohost_syscall.processes.proc_reader import GONE, Here

HERE = Here()

#: A process id that no process has: more than pid_max can be.
NOBODY = 0x7FFF_FFFF


@pytest.fixture
def ends():
    """Yield the two ends of a socket."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        yield here, there


@pytest.fixture
def remote(ends):
    """Yield what asks a helper, which runs in a thread."""
    here, there = ends
    thread = threading.Thread(target=serve, args=(there,))
    thread.start()
    yield Remote(here)
    here.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def child():
    """Yield a process with long arguments and some descriptors."""
    command = [sys.executable, "-c", "import os, sys; os.pipe(); os.close(1); sys.stdin.read()", "x" * 100_000]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"A": "b"}) as process:
        assert process.stdout is not None
        process.stdout.read()  # until it has closed its own
        yield process.pid
        assert process.stdin is not None
        process.stdin.close()


def test_the_same_as_here(remote, child):
    """Files, links, namespaces, descriptors, processes and tasks are as this process reads them."""
    start = ticks(procfs.status(child).start)
    what = ("cmdline", "exe", "cwd", "ns/pid")

    assert HERE.read(child, start, what, MOST) == remote.read(child, start, what, MOST)
    assert HERE.read(child, None, ("environ", "root"), 7) == remote.read(child, None, ("environ", "root"), 7)
    assert [None] == remote.read(child, None, ("environ",), 1)[1:] or [b"A"] == remote.read(
        child, None, ("environ",), 1
    )
    assert ("pipe", b"pipe") == (remote.descriptor(child, start, 0)[0], remote.descriptor(child, start, 0)[1][:4])
    assert HERE.descriptors(child) == remote.descriptors(child)
    assert {1, os.getpid(), child} <= remote.pids()
    assert not remote.has_container("default", "no-such-task", "/default/no-such-task")
    assert len(remote.read(child, start, ("cmdline",), MOST)[0]) > 100_000


def test_memory_is_returned_once(ends, child, monkeypatch):
    """Once nothing is asked for a moment, memory of the start is returned; requests are answered as before."""
    here, there = ends
    returned = threading.Semaphore(0)
    monkeypatch.setattr(proc_helper, "return_memory", returned.release)
    monkeypatch.setattr(proc_helper, "BEGINS", 0.05)
    thread = threading.Thread(target=serve, args=(there,))
    thread.start()
    remote = Remote(here)
    first = returned.acquire(timeout=30)
    pids = remote.pids()
    again = returned.acquire(timeout=0.3)
    here.shutdown(socket.SHUT_RDWR)
    thread.join()

    assert (True, True, False) == (first, child in pids, again)


def test_each_of_many(remote, child):
    """Many processes are answered for in their order, with nothing for those that are others by now."""
    start = ticks(procfs.status(child).start)
    asked = [(child, start + number % 3) for number in range(3 * AT_ONCE + 1)]

    found = [*HERE.read_each(asked, "cmdline", MOST)]
    assert [number % 3 == 0 for number in range(len(asked))] == [one is not None for one in found]
    assert found == [*remote.read_each(asked, "cmdline", MOST)]
    assert [] == [*remote.read_each([], "cmdline", MOST)]


def test_many_are_asked_for_at_once(ends):
    """The helper has the next requests while it answers one; what came in time counts though others are late."""
    here, there = ends
    found = []
    thread = threading.Thread(target=lambda: found.extend(Remote(here).read_each([(1, 1)] * 2 * AT_ONCE, "stat", 9)))
    thread.start()
    idents = [msgspec.msgpack.decode(there.recv(1000))[1] for _ in range(AT_ONCE)]
    for ident in idents[:3]:
        there.send(msgspec.msgpack.encode([ident, [b"stat"]]))
    thread.join()

    assert [b"stat"] * 3 + [None] * (2 * AT_ONCE - 3) == found
    with pytest.raises(BlockingIOError):
        there.recv(1000, socket.MSG_DONTWAIT)


def test_another_process(remote, child):
    """Nothing is said of a process that started at another time, or of none."""
    start = ticks(procfs.status(child).start)

    assert remote.read(child, start + 1, ("stat",), 100) is None
    assert remote.descriptor(child, start + 1, 0) is None
    assert remote.read(1 << 22, 5, (), 100) is None
    assert [None] == remote.read(1 << 22, None, ("exe",), 100)


def test_the_idle_task(remote, child):
    """Of what runs where nothing else does, process 0, nothing can be read; the helper goes on."""
    found = [remote.read(0, None, ("cgroup",), 100), remote.read(0, 0, ("cgroup",), 100), remote.descriptor(0, 0, 0)]

    assert [[None], None, None] == found
    assert [] == remote.descriptors(0) == HERE.descriptors(0)
    assert HERE.listed(0) == remote.listed(0)
    assert [None] != remote.read(child, None, ("cgroup",), 100)


@pytest.mark.parametrize("namespace", ["..", "a/b", "", "a" * 128, ".", "-x", "a\0b"])
def test_no_path_is_made_of_names(remote, namespace):
    """A name that would leave the folder of tasks is none."""
    assert not remote.has_container(namespace, "x", "/x")
    assert not remote.has_container("", namespace, "/x")


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\x00",
        msgspec.msgpack.encode(["AskFiles", 1, 1, None, ["mem"], 100]),
        msgspec.msgpack.encode(["AskFiles", 1, 1, None, ["../../etc/shadow"], 100]),
        msgspec.msgpack.encode(["AskFiles", 1, "self", None, ["stat"], 100]),
        msgspec.msgpack.encode(["AskFiles", 1, -1, None, ["stat"], 100]),
        msgspec.msgpack.encode(["AskFiles", 1, 1, None, ["stat"] * 5, 100]),
        msgspec.msgpack.encode(["AskFiles", 1, 1, None, ["environ"], MOST + 1]),
        msgspec.msgpack.encode(["AskFiles", 1, 1, 1 << 63, ["stat"], 100]),
        msgspec.msgpack.encode(["AskDescriptor", 1, 1, 1, "../mem"]),
        msgspec.msgpack.encode(["AskContainer", 1, "x" * 129, "y", "/"]),
        msgspec.msgpack.encode(["AskContainer", 1, "x", "y", "/" * 2000]),
        msgspec.msgpack.encode(["AskAnything", 1]),
        msgspec.msgpack.encode({"type": "AskPids", "ident": 1}),
    ],
)
def test_what_is_no_request(ends, request_):
    """It ends the helper, and with it the source."""
    here, there = ends
    here.send(request_ or b"\xc1")

    with pytest.raises((ValueError, msgspec.ValidationError)):
        serve(there)


def test_an_answer_that_is_late(ends):
    """It is waited for once; until it comes nothing else is, and it is not taken for another one."""
    here, there = ends
    remote = Remote(here)
    begun = time.monotonic()
    assert remote.pids() is None
    assert PATIENCE <= time.monotonic() - begun < PATIENCE + 0.4
    begun = time.monotonic()
    assert [None] * 50 == [remote.read(1, None, ("stat",), 100) for _ in range(50)]
    assert time.monotonic() - begun < 0.2

    ident = msgspec.msgpack.decode(there.recv(1000))[1]
    there.send(msgspec.msgpack.encode([ident, [struct.pack("=I", NOBODY)]]))
    thread = threading.Thread(target=serve, args=(there,))
    thread.start()
    assert NOBODY not in (remote.pids() or ())
    assert os.getpid() in remote.pids()
    here.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_too_many_processes(ends, monkeypatch):
    """A list that does not fit is not told, so that no process is taken for ended."""
    here, there = ends
    monkeypatch.setattr(Here, "pids", lambda self: frozenset(range(LONGEST_ANSWER)))
    thread = threading.Thread(target=serve, args=(there,))
    thread.start()
    assert Remote(here).pids() is None
    here.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_helper_that_is_gone(ends):
    """Nothing is decided any more, since what it would have said is not known."""
    here, there = ends
    remote = Remote(here)
    remote.check()
    there.close()
    for ask in (remote.check, remote.pids, lambda: remote.read(1, None, ("stat",), 100), lambda: remote.descriptors(1)):
        with pytest.raises(HelperEnded):
            ask()


def test_a_helper_that_ends_while_it_is_asked(ends):
    """The source does not wait."""
    here, there = ends
    remote = Remote(here)
    threading.Thread(target=lambda: there.recv(1000) and there.close()).start()
    begun = time.monotonic()
    with pytest.raises(HelperEnded):
        remote.pids()

    assert time.monotonic() - begun < PATIENCE


def test_a_source_that_is_killed_before_it_has_read_an_answer(ends):
    """The helper ends as it does when the source ends, without an error."""
    here, there = ends
    helper = threading.Thread(target=serve, args=(there.dup(),))
    served: list[BaseException] = []
    threading.excepthook, before = lambda failed: served.append(failed.exc_value), threading.excepthook
    try:
        there.sendall(b"an answer that nobody reads")  # so that closing the other end resets the connection
        here.close()
        helper.start()
        helper.join()
    finally:
        threading.excepthook = before

    assert [] == served


def test_who_may_name_cgroups(remote, tmp_path, monkeypatch):
    """It is who has the cgroup above, or what is left of those above; nobody is known if that is root's only."""
    for name in ("a/of-user/b", "x/a/of-user", "outside"):
        (tmp_path / "cgroup" / name if name != "outside" else tmp_path / name).mkdir(parents=True)
    os.chown(tmp_path / "cgroup/a/of-user", 1000, 1000)
    os.chown(tmp_path / "outside", 1000, 1000)
    monkeypatch.setattr(proc_reader, "_CGROUPS", str(tmp_path / "cgroup"))

    for reader in (HERE, remote):
        assert [0, 1000, 0, GONE, 1000, 0, 0, 0] == [
            reader.may_name(path)
            for path in (
                "/a/of-user",
                "/a/of-user/x",
                "/a/of-user/b/x",
                "/a/gone/x",
                "/a/of-user/gone/x",
                "/x",
                "/../outside/x",
                "",
            )
        ]
        assert [1000, 1000, GONE] == [
            reader.may_name(f"{above}{6 * ('/' + 85 * name)}/x")
            for above, name in (("/a/of-user", "€"), ("/a/of-user", "long"), ("/a/gone", "€"))
        ]

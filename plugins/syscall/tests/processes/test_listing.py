"""A process of this machine is listed as at the start of a capture: its threads, and what its descriptors lead to."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from falcohost_syscall.processes import listing, procfs
from falcohost_syscall.processes.listing import Lister
from falcohost_syscall.scap.interfaces import OwnAddresses
from falcohost_syscall.scap.live import MOST_LOOKED_UP, LiveTables
from falcohost_syscall.scap.sockets import Interfaces


@pytest.fixture
def sleeper():
    """Return a process that waits, with arguments, an environment and a working directory of its own."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", "echo; read line", "with blank"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/etc",
        env={"COLOUR": "blue"},
    )
    process.stdout.readline()  # it has executed its program
    yield process
    process.communicate(b"\n")


def test_a_process_is_as_it_runs(sleeper):
    """Arguments, directory, environment, parent, users and start of a process are those that it has."""
    tables = LiveTables()
    assert tables.look_up(os.getpid())
    assert tables.look_up(sleeper.pid)
    tables.link()
    thread = tables.threads[sleeper.pid]
    process = thread.process

    assert ("/bin/sh", "-c", "echo; read line", "with blank") == process.image.argv
    assert ("/etc", "sh", ("COLOUR=blue",)) == (process.cwd, process.comm, process.environment())
    assert (os.getpid(), os.getpid()) == (process.ppid, process.parent.pid)
    assert (os.geteuid(), os.getegid()) == (thread.uid, thread.gid)
    assert str(Path(f"/proc/{sleeper.pid}/exe").readlink()) == process.image.exepath
    assert 0 <= time.time_ns() - thread.start < 60 * 10**9
    assert os.getsid(sleeper.pid) == process.session[0]
    assert os.getpgid(sleeper.pid) == process.session[1]
    assert "pipe" == thread.descriptors[0].kind


def test_descriptors_are_what_they_lead_to(tmp_path):
    """Files, folders, pipes, sockets and anonymous files have their types, names and flags."""
    (tmp_path / "file").touch()
    opened = os.open(tmp_path / "file", os.O_WRONLY | os.O_APPEND)
    folder = os.open(tmp_path, os.O_RDONLY)
    event, memory = os.eventfd(0), os.memfd_create("kept")
    listening, client = socket.create_server(("127.0.0.1", 0)), socket.socket()
    client.connect(listening.getsockname())
    server, _ = listening.accept()
    here, there = socket.socketpair()
    time.sleep(0.3)  # what was not found is looked for again
    tables = LiveTables()
    tables.list_running()
    found = tables.threads[os.getpid()].descriptors

    assert ("file", str(tmp_path / "file")) == (found[opened].kind, found[opened].name)
    assert (2 | 8, os.fstat(opened).st_ino) == (found[opened].flags & 0xB, found[opened].ino)
    assert ("directory", str(tmp_path)) == (found[folder].kind, found[folder].name)
    assert ["event", "memfd", "unix"] == [found[fd].kind for fd in (event, memory, here.fileno())]
    assert "kept" == found[memory].name
    port, own = listening.getsockname()[1], client.getsockname()[1]
    assert ("ipv4", f"127.0.0.1:{port}") == (found[listening.fileno()].kind, found[listening.fileno()].name)
    assert f"127.0.0.1:{own}->127.0.0.1:{port}" == found[client.fileno()].name == found[server.fileno()].name
    for one in (opened, folder, event, memory):
        os.close(one)
    for one in (listening, client, server, here, there):
        one.close()


def test_new_sockets(monkeypatch):
    """A socket that is not among those that were read a moment ago is looked for again, but not all the time."""
    every, looks = listing._all_sockets, []
    monkeypatch.setattr(listing, "_all_sockets", lambda pid: looks.append(pid) or every(pid))
    lister = Lister()
    with socket.socket():
        lister.listed(os.getpid())
    here, there = socket.socketpair()
    with here, there, socket.socket(socket.AF_VSOCK):  # of a kind that is in no list
        time.sleep(0.3)
        begun = time.monotonic()
        entries = lister.listed(os.getpid())[1]
        for _ in range(10):
            lister.listed(os.getpid())
        seconds = time.monotonic() - begun

        for one in (here, there):
            number, inode = one.fileno(), os.fstat(one.fileno()).st_ino
            assert entries.count(struct.pack("<qQB", number, inode, 8)) == 1
    assert len(looks) <= 4 + seconds / listing._AGAIN


def test_threads_share_descriptors():
    """A thread is found by its own id, and has the descriptors and the program of its process."""
    stop, ids = threading.Event(), []
    thread = threading.Thread(target=lambda: (ids.append(threading.get_native_id()), stop.wait()))
    thread.start()
    while not ids:
        time.sleep(0.001)
    tables = LiveTables()
    found = tables.thread(ids[0])
    stop.set()
    thread.join()

    assert (os.getpid(), False) == (found.process.pid, found.is_main)
    assert found.descriptors is tables.threads[os.getpid()].descriptors
    assert 1 == tables.unknown


def test_a_process_that_has_ended_is_unknown():
    """What is not there costs a look, and is a thread of which nothing is known."""
    process = subprocess.Popen(["true"])
    process.wait()
    tables = LiveTables()

    assert Lister().listed(process.pid) is None
    assert tables.thread(process.pid).is_unknown


def test_a_lost_exit_is_found_out():
    """A process whose end was not seen leaves the tables with its threads, when they are compared with what runs."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    tables = LiveTables()
    tables.list_running()
    gone = tables.threads[process.pid].process
    process.communicate()
    tables.sweep()

    assert (False, False) == (process.pid in tables.threads, gone.alive)
    assert os.getpid() in tables.threads


def test_looks_are_bounded(monkeypatch):
    """Of many unknown threads at once only some are looked up."""
    asked = []
    monkeypatch.setattr(procfs.READING.reader, "listed", asked.append)
    tables = LiveTables()
    for tid in range(1 << 21, (1 << 21) + 3 * MOST_LOOKED_UP):
        tables.thread(tid)

    assert MOST_LOOKED_UP <= len(asked) <= 2 * MOST_LOOKED_UP


def test_own_addresses_are_those_of_the_machine():
    """The kernel's addresses are the machine's own, with their masks, and others are not."""
    known, addresses = Interfaces(), OwnAddresses()
    addresses.tell(known)
    addresses.close()

    assert known.has(b"\x7f\0\0\1")
    assert not known.has(b"\xc0\0\2\7")
    assert b"\x7f\0\0\1" == known.own(b"\x7f\1\2\3")

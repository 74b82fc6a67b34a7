"""What is written is read back: blocks, lists, and events whose context is told before them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from struct import pack
from types import SimpleNamespace

import pytest
from workload import captures
from workload.captures import PROCESSES, block, descriptor, descriptors, event, text, thread

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.scap.events import plain_values
from falcohost_syscall.scap.writing import frames
from falcohost_syscall.scap.writing.recorder import Recorder
from falcohost_syscall.scap.writing.teller import Teller
from falcohost_syscall.scap.writing.values import of_event

SHELL = thread(7, 7, 1, b"bash", exe=b"bash", exepath=b"/bin/bash", args=b"-l\0", cwd=b"/root/", env=b"A=1\0")
INIT = thread(1, 1, 0, b"init", exe=b"init", exepath=b"/sbin/init", cwd=b"/")
LISTS = (
    block(PROCESSES, INIT + SHELL),
    descriptors(7, descriptor(4, 16, pack("<I", 1) + text(b"/etc/listed") + pack("<I", 9))),
)
FIELDS = (
    *("thread.tid", "proc.pid", "proc.ppid", "proc.name", "proc.pname", "proc.aname[2]", "proc.cmdline"),
    *("proc.exepath", "proc.cwd", "proc.env", "user.uid", "group.gid", "user.loginuid", "fd.num", "fd.type", "fd.name"),
    *("thread.cap_effective", "evt.args"),
)
CLIENT = bytes((2, 10, 0, 0, 5)) + (40000).to_bytes(2, "little") + bytes((192, 0, 2, 7)) + (80).to_bytes(2, "little")
UNIX = bytes((1,)) + bytes(16) + b"/run/x\0"


@pytest.fixture
def recorded(tmp_path):
    """Return a function that records those events of a driver that are wanted, and returns the capture's path."""

    def recorded(driver, wanted) -> Path:
        recorder = Recorder(driver.tables.context)
        data = [frames.section()]
        for batch in driver.batches():
            data += [recorder.record(one) for one in batch.events if wanted(one)]
        path = tmp_path / "again.scap"
        path.write_bytes(b"".join(data))
        return path

    return recorded


#: What the shell makes: another process, another thread.
FORK, THREAD = (
    event(
        "clone", 7, res=tid, exe=b"bash", tid=7, pid=7, ptid=1, comm=b"bash", flags=bits, uid=5, gid=0, vtid=7, vpid=7
    )
    for tid, bits in ((8, 0), (9, 0x2001))
)
#: Each with what happens before, and the event of which all fields are to be the same without that.
STORIES = {
    "a listed process and descriptor": (event("read", 7, res=1, data=b"x", fd=4, size=1),),
    "a child that executes": (
        FORK,
        event("execve", 8, res=0, exe=b"cat", args=b"x\0", tid=8, pid=8, ptid=7, comm=b"cat", env=b"B=2\0", uid=33,
              trusted_exepath=b"/bin/cat", pgid=8, gid=33, loginuid=1000),
        event("unlink", 8, res=0, path=b"x"),
    ),
    "another thread": (
        THREAD,
        event("unlink", 9, res=0, path=b"y"),
    ),
    "another directory": (event("chdir", 7, res=0, path=b"/tmp"), event("unlink", 7, res=0, path=b"y")),
    "another user": (
        event("setresuid", 7, res=0, ruid=5, euid=5, suid=5),
        event("setresgid", 7, res=0, rgid=6, egid=6, sgid=6),
        event("unlink", 7, res=0, path=b"y"),
    ),
    "capabilities": (
        event("capset", 7, res=0, cap_inheritable=1, cap_permitted=3, cap_effective=2),
        event("unlink", 7, res=0, path=b"y"),
    ),
    "a file": (
        event("openat", 7, fd=5, dirfd=-100, name=b"/etc/opened", flags=1, mode=0, dev=3, ino=4),
        event("write", 7, res=1, data=b"x", fd=5, size=1),
    ),
    "a directory": (
        event("openat", 7, fd=5, dirfd=-100, name=b"/etc/folder", flags=0x400, mode=0, dev=3, ino=4),
        event("unlinkat", 7, res=0, dirfd=5, name=b"file", flags=0),
    ),
    "a duplicate": (
        event("openat", 7, fd=5, dirfd=-100, name=b"/etc/opened", flags=1, mode=0, dev=3, ino=4),
        event("dup", 7, res=6, oldfd=5),
    ),
    "a client": (
        event("socket", 7, fd=5, domain=2, type=1, proto=0, flags=0),
        event("connect", 7, res=0, tuple=CLIENT, fd=5),
        event("read", 7, res=1, data=b"x", fd=5, size=1),
    ),
    "a server": (
        event("accept", 7, fd=5, tuple=CLIENT, queuepct=0, queuelen=0, queuemax=0),
        event("write", 7, res=1, data=b"x", fd=5, size=1),
    ),
    "an AF_UNIX client": (
        event("socket", 7, fd=5, domain=1, type=1, proto=0, flags=0),
        event("connect", 7, res=0, tuple=UNIX, fd=5),
        event("write", 7, res=1, data=b"x", fd=5, size=1),
    ),
    "other kinds": (
        event("epoll_create1", 7, res=5, flags=0),
        event("close", 7, res=0, fd=5),
    ),
    "a parent that has ended": (
        FORK,
        event("unlink", 8, res=0, path=b"y"),
        event("procexit", 7, status=0, ret=0, sig=0, core=0, reaper_tid=1),
        event("unlink", 8, res=0, path=b"z"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_context_of_what_was_left_out(story, replayed, shown, recorded):
    """An event that is recorded without those before it has the same process, user, descriptor and paths."""
    events = STORIES[story]
    last = shown(replayed(*LISTS, *events), *FIELDS)[-1]
    count = len(events)
    path = recorded(replayed(*LISTS, *events), lambda one: one.num == count)
    found = shown(replayed(path=path), *FIELDS)

    assert [last] == found


def test_all_is_recorded(replayed, shown, recorded):
    """Where nothing is left out, nothing is told twice: the events are the same, in order."""
    events = [one for story in STORIES.values() for one in story]
    path = recorded(replayed(*LISTS, *events), lambda _: True)

    names = [name for name in FIELDS if name != "evt.args"]  # which has zeros for numbers that these events lack
    assert shown(replayed(*LISTS, *events), *names) == shown(replayed(path=path), *names)


def test_numbers_that_a_driver_does_not_tell(replayed, recorded):
    """A number that an event lacks is recorded as zero, of its size: Falco reads no capture behind one without it."""
    path = recorded(replayed(*LISTS, FORK), lambda _: True)
    (made,) = (one.call for batch in replayed(path=path).batches() for one in batch.events)

    assert (0, 0, 0) == tuple(made.number(name) for name in ("fdlimit", "vm_size", "pidns_init_start_ts"))
    assert (8, 4, 0) == tuple(len(made.raw(name) or b"") for name in ("fdlimit", "vm_size", "cwd"))


def test_a_socket_with_the_number_of_a_former_one(replayed, recorded, monkeypatch):
    """Where neither the end of a socket nor the next one is recorded, that is told: Falco knows no second connect."""
    told = []
    tell = Teller.tell

    def noted(teller, name, thread, /, **params):
        told.append(name)
        tell(teller, name, thread, **params)

    monkeypatch.setattr(Teller, "tell", noted)
    made = event("socket", 7, fd=5, domain=2, type=1, proto=0, flags=0)
    other = CLIENT[:5] + (40001).to_bytes(2, "little") + CLIENT[7:]
    first, second = (event("connect", 7, res=0, tuple=ends, fd=5) for ends in (CLIENT, other))
    again = event("connect", 7, res=-114, tuple=other, fd=5)
    story = (made, first, event("close", 7, res=0, fd=5), made, second, again)
    recorded(replayed(*LISTS, *story), lambda one: one.type == "connect")

    assert 2 == told.count("socket")


def test_a_thread_of_which_nothing_is_known(replayed, shown, recorded):
    """An event of such a thread is read back with what such a thread has."""
    events = (event("unlink", 77, res=0, path=b"/y"),)
    names = ("thread.tid", "proc.pid", "proc.ppid", "proc.name", "proc.cmdline", "proc.cwd", "user.uid")
    last = shown(replayed(*LISTS, *events), *names)
    path = recorded(replayed(*LISTS, *events), lambda _: True)

    assert last == shown(replayed(path=path), *names)


def test_the_process_that_has_a_pid_again(replayed, shown, recorded):
    """A process that got the pid of one that has ended is told anew, though its end is not recorded."""
    run = [event("execve", 8, res=0, exe=name, tid=8, pid=8, ptid=7, comm=name, uid=0, gid=0) for name in (b"a", b"b")]
    work = event("unlink", 8, res=0, path=b"/y")
    end = event("procexit", 8, status=0, ret=0, sig=0, core=0, reaper_tid=1)
    late = [captures.at(captures.TS + 5_000_000_000, one) for one in (FORK, run[1], work)]
    path = recorded(replayed(*LISTS, FORK, run[0], work, end, *late), lambda one: one.type == "unlink")

    assert [("unlink", "a"), ("unlink", "b")] == shown(replayed(path=path), "proc.name")


def test_lists_are_read_back(replayed, shown, recorded, tmp_path):
    """What a capture begins with is what its reader knew: threads, users of the machine, descriptors of all kinds."""
    driver = replayed(
        block(PROCESSES, INIT + SHELL),
        event("openat", 7, fd=5, dirfd=-100, name=b"/etc/opened", flags=0x1001, mode=0, dev=3, ino=4),
        event("socket", 7, fd=6, domain=2, type=1, proto=0, flags=0),
        event("connect", 7, res=0, tuple=CLIENT, fd=6),
        event("epoll_create1", 7, res=8, flags=0),
        THREAD,
    )  # fmt: skip
    recorder = Recorder(driver.tables.context)
    recorder._is_first = False  # not what runs here
    for batch in driver.batches():
        for one in batch.events:
            recorder.record(one)
    path = tmp_path / "lists.scap"
    asks = [event("fstat", 7, res=0, fd=fd) for fd in (5, 6, 8)] + [event("fstat", 9, res=0, fd=5)]
    path.write_bytes(recorder.begin() + b"".join(asks))
    found = shown(replayed(path=path), "proc.name", "proc.pname", "proc.env", "user.uid", "fd.type", "fd.name")

    assert [
        ("fstat", "bash", "init", "A=1", 1000, "file", "/etc/opened"),
        ("fstat", "bash", "init", "A=1", 1000, "ipv4", "10.0.0.5:40000->192.0.2.7:80"),
        ("fstat", "bash", "init", "A=1", 1000, "eventpoll", ""),
        ("fstat", "bash", "init", "A=1", 5, "file", "/etc/opened"),
    ] == found


def test_a_beginning_that_may_take_no_time(replayed):
    """Without time for what runs, a file begins with the machine alone."""
    recorder = Recorder(replayed(*LISTS).tables.context)
    alone, whole = recorder.begin(within=0.0), recorder.anew().begin()

    program = os.fsencode(os.path.realpath(sys.executable))
    assert program in whole
    assert program not in alone
    assert whole.startswith(alone[: len(recorder._surroundings)])


def test_a_long_event_is_cut():
    """An event that has more than 64 KiB is cut where it is longest; a text keeps its end."""
    values = [bytes(8), b"a" * 60_000 + b"\0", b"b" * 50_000 + b"\0", b"short\0"]
    data = frames.event(59, 1, 2, 0, values)
    found = plain_values(data, 36, 4, len(data))

    assert found is not None
    assert frames.MOST >= sum(map(len, found)) + 8 + 26
    assert [bytes(8), b"short\0"] == [found[0], found[3]]
    assert all(one.endswith(b"\0") and len(one) > 20_000 for one in found[1:3])


@pytest.mark.parametrize(("tid", "told"), [(12, 0), (13, 12)])
def test_the_init_of_a_pid_namespace_has_no_reaper(tid, told):
    """No process takes over its own children, as the kernel says of such an init: Falco would stop reading there."""
    end = SimpleNamespace(
        type="procexit", tid=tid, row=BY_NAME["procexit"], value=lambda param: 12 if param.name == "reaper_tid" else 0
    )
    kind, values = of_event(end)

    assert captures.i64(told) == values[kind.places["reaper_tid"]]

"""Events of this machine meet tables that are read from ``/proc`` where nothing else is known."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time

import pytest

from falcohost import Plan
from falcohost_syscall.processes import procfs
from falcohost_syscall.scap import live
from falcohost_syscall.scap.applying import Applying
from falcohost_syscall.scap.live import LiveEvent, LiveTables

VFORK = 227


@pytest.fixture
def waiting():
    """Return a process that runs ``cat`` and waits."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"x")
    process.stdin.flush()
    process.stdout.read(1)  # it has executed its program
    yield process
    process.communicate()


@pytest.fixture
def applying():
    """Return tables of this machine that are asked for every event of these types."""
    found = Applying(LiveTables, LiveEvent)
    found.update(Plan("syscall", frozenset({"vfork"})))
    return found


def number(size: int, value: int) -> bytes:
    """Return a number of so many bytes."""
    return value.to_bytes(size, "little", signed=value < 0)


def apply(applying: Applying, code: int, tid: int, values: list[bytes]) -> LiveEvent:
    """Apply an event of a thread that happens now, and return it."""
    data = struct.pack(f"<{len(values)}H", *map(len, values)) + b"".join(values)
    event = applying.read(applying.uses[code], data, (0, len(data), len(values)), code, time.time_ns(), tid, 0)
    assert isinstance(event, LiveEvent)
    return event


def vfork(tid: int, comm: bytes, cgroups: bytes = b"") -> list[bytes]:
    """Return the parameters of the return of a vfork in the new process *tid*, a child of this one."""
    ids = [number(8, one) for one in (tid, tid, os.getpid())]
    memory = [number(8, 0), number(8, 0), number(4, 0), number(4, 0), number(4, 0)]
    own = [number(4, 0), number(4, 0), number(4, 0), number(8, tid), number(8, tid), number(8, 0)]
    return [number(8, 0), comm, b"", *ids, b"", number(8, 1024), *memory, comm, cgroups, *own]


def test_a_new_process_is_what_its_first_event_tells(applying, waiting):
    """A process that has executed a program by now was its parent's program when it began."""
    event = apply(applying, VFORK, waiting.pid, vfork(waiting.pid, b"maker\0"))

    assert ("maker", os.getpid()) == (event.proc.comm, event.proc.ppid)
    assert "cat" == procfs.status(waiting.pid).comm


def test_a_subject_is_the_process_that_runs(applying, waiting):
    """The subject of an alert has the start that the kernel knows, and there is none once the process has ended."""
    event = apply(applying, VFORK, waiting.pid, vfork(waiting.pid, b"maker\0"))
    subject = event.subject
    assert (waiting.pid, procfs.status(waiting.pid).start) == (subject.pid, subject.start)

    waiting.communicate()
    assert event.subject is None


def test_a_pid_that_is_another_process_by_now_is_no_subject(applying, waiting):
    """A process that began after the event is not the one that the event is about."""
    event = apply(applying, VFORK, waiting.pid, vfork(waiting.pid, b"maker\0"))
    event.ts -= 3600 * 10**9

    assert event.subject is None


@pytest.mark.parametrize("hidden", [True, False])
def test_cgroups_without_controllers_come_from_proc(monkeypatch, waiting, hidden):
    """Where no controller tells a cgroup, it is read when a program starts, and inherited before that."""
    monkeypatch.setattr(live, "_has_no_controllers", lambda: hidden)
    tables = LiveTables()
    tables.look_up(os.getpid())
    own = tables.threads[os.getpid()].cgroup
    lines = b"cpuset=/\0memory=/\0"
    told = tables.told_cgroup(lines, waiting.pid, own)

    shown = tables.context.containers.cgroups(told)
    assert (shown == ("cpuset=/", "memory=/")) is not hidden
    assert (own if hidden else told) == tables.told_cgroup(lines, 0, own)
    assert tables.told_cgroup(b"memory=/docker/x\0", waiting.pid, own) not in (own, told)


def test_threads_are_looked_up_later_while_events_wait(waiting):
    """While the reader is behind, a thread that is not known is not looked up; it is as soon as that may take time."""
    tables = LiveTables()
    tables.is_behind = True
    thread = tables.thread(waiting.pid)
    assert thread.is_unknown
    tables.is_behind = False
    tables.look_up_later()

    assert "cat" == tables.threads[waiting.pid].process.comm
    assert (1, {waiting.pid}) == (tables.unknown, tables.groups[waiting.pid])


def test_a_thread_that_has_ended_stays_unknown(waiting):
    """A thread that is looked up later, and has ended by then, is kept as it was."""
    tables = LiveTables()
    tables.is_behind = True
    thread = tables.thread(waiting.pid)
    waiting.communicate()
    tables.look_up_later()

    assert thread is tables.threads[waiting.pid]
    assert thread.is_unknown


def test_looking_up_takes_a_share_of_each_second(waiting, monkeypatch):
    """Once looking up has taken its share of a second, threads wait for the next one."""
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    tables = LiveTables()

    def slowly(_: int) -> bool:
        now[0] += 0.06
        return False

    monkeypatch.setattr(tables, "look_up", slowly)
    for tid in range(1, 10):
        tables.thread(tid)
    assert 100.12 == pytest.approx(now[0])  # two of them

    now[0] = 101.0
    tables.look_up_later()
    assert 101.12 == pytest.approx(now[0])


def test_a_process_that_is_not_read_in_time_is_tried_again(waiting, monkeypatch):
    """At the start, one that could not be read is listed at the second try, and no other twice."""
    tables, tried = LiveTables(), []
    read = tables.look_up

    def slow(tid: int) -> bool:
        tried.append(tid)
        return read(tid) if tried.count(tid) > 1 or tid != waiting.pid else False

    monkeypatch.setattr(tables, "look_up", slow)
    tables.list_running()

    assert "cat" == tables.threads[waiting.pid].process.comm
    assert (2, 1) == (tried.count(waiting.pid), tried.count(os.getpid()))


@pytest.fixture
def rooted(tmp_path):
    """Return a process whose root is a folder with accounts of its own."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("web:x:33:33::/srv:/bin/sh\n")
    ready, done = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.chroot(tmp_path)
            os.write(done, b"x")
            signal.pause()
        finally:
            os._exit(0)
    os.close(done)
    os.read(ready, 1)
    os.close(ready)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")
def test_accounts_of_a_container_are_its_own(applying, rooted):
    """Users of a container are looked up in its own files, though its start is known as the moment when it was told."""
    cgroups = b"pids=/docker/" + b"ab" * 32 + b"\0"
    event = apply(applying, VFORK, rooted, vfork(rooted, b"maker\0", cgroups))
    users = event.ctx.users_of(event)

    assert ("web", "/srv", "root") == (users.name(33), users.home(33), users.name(0))


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")
def test_accounts_are_not_those_of_a_later_process(applying, rooted):
    """A process that began after the one that the tables know has its number, and is not asked."""
    event = apply(applying, VFORK, rooted, vfork(rooted, b"maker\0", b"pids=/docker/" + b"ab" * 32 + b"\0"))
    event.proc.start -= 3600 * 10**9

    assert "<NA>" == event.ctx.users_of(event).name(33)

"""Events of captures as fields and rules see them, and what they change in the tables of processes and descriptors."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from workload import captures

from falcohost import Plan
from falcohost.testing import skip_or_fail
from falcohost.testing.values import arguments, wrong_value
from falcohost_syscall.fields.rows import FIELDS

CORPUS = Path(os.environ.get("FALCOHOST_CORPUS", Path(__file__).parents[6] / "shared" / "corpus"))
CAPTURES = CORPUS / "captures"
NAMES = ("cat_write", "connect_localhost", "curl_google", "empty", "single_ipv6_conn", "syscall")

INIT = captures.thread(1, 1, 0, b"systemd", exe=b"/sbin/init", exepath=b"/usr/lib/systemd/systemd", cwd=b"/")
CGROUPS = b"cpuset=/docker/" + b"ab" * 32 + b"\0"
SHELL = captures.thread(
    *(10, 10, 1, b"bash"), exe=b"-bash", exepath=b"/usr/bin/bash", args=b"-i\0", cwd=b"/home/anna/", cgroups=CGROUPS
)
LISTS = (
    captures.block(captures.PROCESSES, INIT + SHELL),
    captures.block(captures.USERS, captures.user(1000, b"anna")),
    captures.descriptors(10, captures.descriptor(0, 16, struct.pack("<I", 3) + captures.text(b"/dev/pts/1"))),
)


@pytest.fixture
def capture():
    """Return a function that returns the path of a capture of the corpus."""

    def capture(name: str) -> Path:
        path = CAPTURES / f"{name}.scap"
        if not path.exists():
            skip_or_fail("corpus", f"the corpus lacks {path}")
        return path

    return capture


@pytest.mark.parametrize("name", NAMES)
def test_fields_stand_every_event(replayed, capture, name):
    """Every field has a value of its type, or none, for every event of every capture that there is."""
    assert [] == [
        problem
        for batch in replayed(path=capture(name)).batches()
        for event in batch.events
        for field in FIELDS
        for arg in arguments(field)
        if (problem := wrong_value(field, event, arg))
    ]


def test_old_capture(replayed, shown, capture):
    """Of calls whose beginning is an event of its own, parameters are taken from there."""
    driver = replayed(
        path=capture("cat_write"), plan=Plan("syscall", event_types=frozenset({"execve", "open", "read"}))
    )
    names = ("proc.cmdline", "proc.pname", "user.name", "fd.name", "evt.arg[flags]", "evt.arg[fd]")

    assert [
        ("execve", "cat /dev/null", "bash", "<NA>", None, "<NA>", None),
        ("open", "cat /dev/null", "bash", "<NA>", "/etc/ld.so.cache", "O_RDONLY|O_CLOEXEC", "<f>/etc/ld.so.cache"),
    ] == shown(driver, *names)[:2]


def test_times_and_ancestors(replayed, capture):
    """An event has the time at which it was captured, and its process the ancestors that the capture lists."""
    read = [event for batch in replayed(path=capture("cat_write")).batches() for event in batch.events]
    events = [event for event in read if event.type != "procinfo"]

    assert 1_500_000_000_000_000_000 > events[0].ts > 1_400_000_000_000_000_000
    assert ["bash", "emacs", "bash", "sshd", "sshd", "sshd", "systemd"] == [
        process.comm for process in events[0].proc.ancestors()
    ]


def test_sockets(replayed, shown, capture):
    """Both ends of a socket, and which is the client's, come from what connected and what was accepted."""
    wanted = frozenset({"accept", "connect", "read"})
    driver = replayed(path=capture("single_ipv6_conn"), plan=Plan("syscall", event_types=wanted))
    ends = "2001:db8::4:54405->2001:db8::3:1234"
    found = [row for row in shown(driver, "fd.name", "fd.is_server", "fd.l4proto", "fd.sport") if row[1] == ends]

    assert [
        ("accept", ends, True, "tcp", 1234),
        ("connect", ends, False, "tcp", 1234),
        ("read", ends, True, "tcp", 1234),
        ("read", ends, True, "tcp", 1234),
    ] == found


def test_a_call_without_a_type_is_named_by_its_number(replayed, shown, capture):
    """Falco writes many calls with their numbers alone."""
    driver = replayed(path=capture("syscall"), plan=Plan("syscall", event_types=frozenset({"madvise"})))

    assert [("madvise",), ("madvise",)] == shown(driver)


def test_listed_process(replayed, shown):
    """A process that was there when the capture began has what the list says of it."""
    event = captures.event("close", 10, res=0, fd=0)
    names = ("proc.exe", "proc.exepath", "proc.args", "proc.pname", "proc.cwd", "proc.tty", "user.name", "fd.name")

    assert [("close", "-bash", "/usr/bin/bash", "-i", "systemd", "/home/anna/", 34816, "anna", "/dev/pts/1")] == shown(
        replayed(*LISTS, event), *names
    )
    assert [("close", "ab" * 6, "docker", 1000)] == shown(
        replayed(*LISTS, event), "container.id", "container.type", "user.loginuid"
    )


def test_fork_exec_and_exit(replayed, shown):
    """A new process has its maker's descriptors, runs what it executes, and is gone behind its end."""
    clone = {"exe": b"-bash", "args": b"-i\0", "cwd": b"/home/anna", "comm": b"bash", "flags": 0, "cgroups": CGROUPS}
    blocks = (
        captures.event("clone", 10, res=11, tid=10, pid=10, ptid=1, uid=1000, gid=1000, **clone),
        captures.event("clone", 11, res=0, tid=11, pid=11, ptid=10, uid=1000, gid=1000, vtid=11, vpid=11, **clone),
        captures.event("close", 11, res=0, fd=0),
        captures.event(
            *("execve", 11), res=0, exe=b"id", args=b"-u\0", tid=11, pid=11, ptid=10, comm=b"id", uid=0, flags=1,
            trusted_exepath=b"/usr/bin/id", cap_effective=0x3FFFFFFFFF, cwd=b"/home/anna",
        ),
        captures.event("fstat", 11, res=0, fd=0),
        captures.event("procexit", 11, status=0, ret=0, sig=0, core=0, reaper_tid=10),
        captures.event("chdir", 11, res=0, path=b"/"),
    )  # fmt: skip
    names = ("proc.name", "proc.pname", "proc.exepath", "user.uid", "fd.name", "proc.is_exe_writable")

    assert [
        ("clone", "bash", "systemd", "/usr/bin/bash", 1000, None, False),
        ("clone", "bash", "bash", "/usr/bin/bash", 1000, None, False),
        ("close", "bash", "bash", "/usr/bin/bash", 1000, "/dev/pts/1", False),
        ("execve", "id", "bash", "/usr/bin/id", 0, None, True),
        ("fstat", "id", "bash", "/usr/bin/id", 0, "", True),
        ("procexit", "id", "bash", "/usr/bin/id", 0, None, True),
        ("chdir", "<NA>", None, "", 0xFFFFFFFF, None, False),
    ] == shown(replayed(*LISTS, *blocks), *names)


def test_a_limit_that_is_not_known(replayed, shown):
    """How many descriptors a program may have is -1 where a recorder did not know it, as in Falco."""
    begun = captures.event("execve", 7, res=0, exe=b"x", tid=7, pid=7, ptid=1, fdlimit=(1 << 64) - 1, comm=b"x", uid=5)

    assert [("execve", -1)] == shown(replayed(begun), "proc.fdlimit")


def test_threads_share_descriptors(replayed, shown):
    """Descriptors that one thread opens are shared by the other threads of its process."""
    blocks = (
        captures.event("clone", 10, res=12, flags=0x2001, comm=b"bash"),
        captures.event("open", 12, fd=5, name=b"a", flags=1),
        captures.event("fchdir", 10, res=0, fd=5),
    )

    assert [("clone", None), ("open", "/home/anna/a"), ("fchdir", "/home/anna/a")] == shown(
        replayed(*LISTS, *blocks), "fd.name"
    )


def test_paths(replayed, shown):
    """Paths are made whole by the working directory or the descriptor of a directory, as they are then."""
    at = (1 << 64) - 100 - (1 << 64)
    blocks = (
        captures.event("chdir", 10, res=0, path=b"/srv"),
        captures.event("openat", 10, fd=5, dirfd=at, name=b"www", flags=0x401),
        captures.event("unlinkat", 10, res=0, dirfd=5, name=b"index", flags=0),
        captures.event("dup2", 10, res=9, oldfd=5, newfd=9),
        captures.event("close", 10, res=0, fd=9),
        captures.event("fstat", 10, res=-9, fd=9),
        captures.event("renameat2", 10, res=0, olddirfd=5, oldpath=b"a", newdirfd=at, newpath=b"../b", flags=0),
    )
    names = ("fd.name", "fd.type", "evt.is_open_read", "fs.path.name", "fs.path.source", "fs.path.target")

    assert [
        ("chdir", None, None, False, None, None, None),
        ("openat", "/srv/www", "directory", True, "/srv/www", None, None),
        ("unlinkat", "/srv/www", "directory", False, "/srv/www/index", None, None),
        ("dup2", "/srv/www", "directory", False, None, None, None),
        ("close", "/srv/www", "directory", False, None, None, None),
        ("fstat", "", None, False, None, None, None),
        ("renameat2", None, None, False, None, "/srv/www/a", "/b"),
    ] == shown(replayed(*LISTS, *blocks), *names)


def test_the_name_as_it_was_passed(replayed, shown):
    """Calls on a descriptor, and on its copies, have the path with which it was opened, as it was passed."""
    blocks = (
        captures.event("openat", 10, fd=5, dirfd=-100, name=b"../anna/./a", flags=1, mode=0, dev=1, ino=2),
        captures.event("dup2", 10, res=9, oldfd=5, newfd=9),
        captures.event("read", 10, res=1, data=b"x", fd=9, size=1),
        captures.event("fstat", 10, res=0, fd=0),
        captures.event("openat", 10, fd=-2, dirfd=-100, name=b"./b", flags=1, mode=0, dev=0, ino=0),
    )
    names = ("../anna/./a", "../anna/./a", "../anna/./a", "", "./b")
    calls = ("openat", "dup2", "read", "fstat", "openat")

    assert [*zip(calls, names, strict=True)] == shown(replayed(*LISTS, *blocks), "fd.nameraw")


def test_only_what_rules_want_is_passed_on(replayed, shown):
    """Events of types that no rule wants are read for the tables alone, and later ones may be wanted by a new plan."""
    blocks = (captures.event("chdir", 10, res=0, path=b"/srv"), captures.event("unlink", 10, res=0, path=b"x"))
    driver = replayed(*LISTS, *blocks, plan=Plan("syscall", event_types=frozenset({"unlink"})))

    assert [("unlink", "/srv/x")] == shown(driver, "fs.path.name")
    assert (2, 1) == (driver.stats().received, driver.stats().passed)


@pytest.mark.parametrize("passed", [b"/etc/passwd", b"x", b"../y", b"a/b", b"z\xff", b"", b"<NA>"])
@pytest.mark.parametrize("directory", [5, 9, -100])
@pytest.mark.parametrize("bits", [1, 0x1401, 0x8002])
def test_quick_changes_are_those_of_other_events(replayed, shown, passed, directory, bits):
    """An openat and a close change the same, whether they have the usual parameters or one that nobody knows behind."""
    names = ("fd.name", "fd.nameraw", "fd.type", "fd.ino", "evt.is_open_read", "fd.is_upper_layer", "proc.stdin.name")
    openat = {"fd": 0, "dirfd": directory, "name": passed, "flags": bits, "mode": 0, "dev": 3, "ino": 4}
    plain = (
        captures.event("open", 10, fd=5, name=b"/srv", flags=0x401, mode=0, dev=1, ino=2),
        captures.event("openat", 10, **openat),
        captures.event("fstat", 10, res=0, fd=0),
        captures.event("close", 10, res=0, fd=0),
        captures.event("fstat", 10, res=-9, fd=0),
    )
    # Without its last parameter, or with a number of another size, an event is not usual.
    odd = (
        plain[0],
        captures.event("openat", 10, **openat | {"mode": bytes(8)}),
        plain[2],
        captures.event("close", 10, res=bytes(4), fd=0),
        plain[4],
    )

    assert shown(replayed(*LISTS, *plain), *names) == shown(replayed(*LISTS, *odd), *names)


def test_an_open_has_the_name_that_was_passed_when_it_began(replayed, shown):
    """Where the start of an open is in the capture, what was passed then counts, as for Falco."""
    began = captures.start("openat", 10, dirfd=-100, name=b"/etc/shadow", flags=3, mode=0)
    opened = captures.event("openat", 10, fd=3, dirfd=-100, name=b"/tmp/x", flags=0x4001, mode=0, dev=1, ino=2)

    assert [("openat", "/etc/shadow", 2)] == shown(replayed(*LISTS, began, opened), "fd.name", "evt.num")


def test_numbers_of_events(replayed, shown):
    """Events are numbered as by Falco: those that no rule asks for count, starts of most calls do not."""
    blocks = (
        captures.start("close", 10, fd=0),
        captures.event("fstat", 10, res=0, fd=0),
        captures.start("connect", 10, fd=0),
        captures.event("chdir", 10, res=0, path=b"/"),
    )
    driver = replayed(*LISTS, *blocks, plan=Plan("syscall", event_types=frozenset({"chdir"})))

    assert [("chdir", 3)] == shown(driver, "evt.num")


def test_old_types(replayed, shown):
    """An event of a type that Falco no longer writes is one of the type that has replaced it."""
    blocks = (
        captures.old_event(100, 10, b"/srv/x\0"),
        captures.old_event(101, 10, bytes(8)),
        captures.old_event(
            13, 10, bytes(8), b"id\0", b"-u\0", *map(captures.i64, (10, 10, 1)), b"/\0", captures.i64(9)
        ),
        captures.old_event(185, 10, captures.i64(12), b"id\0", b"-u\0", *map(captures.i64, (10, 10, 1)), b"/\0"),
    )

    assert [
        ("rmdir", "/srv/x", "bash", "res=0 path=/srv/x"),
        ("execve", None, "id", None),
        ("vfork", None, "id", None),
    ] == [(*row[:3], row[3] if row[0] == "rmdir" else None) for row in shown(
        replayed(*LISTS, *blocks), "fs.path.name", "proc.name", "evt.args")]  # fmt: skip


def test_other_threads_end_with_an_exec(replayed, shown):
    """A process that executes a program has one thread left, and no descriptors that are closed by that."""
    blocks = (
        captures.event("clone", 10, res=12, flags=0x2001, comm=b"bash"),
        captures.event("open", 10, fd=5, name=b"/a", flags=0x1001, mode=0, dev=1, ino=2),
        captures.event("open", 10, fd=6, name=b"/b", flags=1, mode=0, dev=1, ino=2),
        captures.event(
            "execve", 10, res=0, exe=b"id", args=b"", tid=10, pid=10, comm=b"id", trusted_exepath=b"/bin/id"
        ),
        captures.event("fstat", 10, res=0, fd=5),
        captures.event("fstat", 10, res=0, fd=6),
    )

    assert [("execve", 1, None), ("fstat", 1, ""), ("fstat", 1, "/b")] == shown(
        replayed(*LISTS, *blocks), "proc.nthreads", "fd.name"
    )[3:]


def test_parents_may_be_named_by_a_thread(replayed, shown):
    """The parent of a process is that of the thread that made it; a thread may be listed before its main thread."""
    listed = captures.block(
        captures.PROCESSES,
        captures.thread(31, 30, 1, b"worker", exe=b"dockerd")
        + captures.thread(30, 30, 1, b"dockerd", exe=b"dockerd", env=b"A=b\0")
        + captures.thread(40, 40, 31, b"shim", exe=b"shim"),
    )
    blocks = (
        captures.event("chdir", 31, res=0, path=b"/"),
        captures.event("chdir", 40, res=0, path=b"/"),
        captures.event("execve", 50, res=0, exe=b"runc", args=b"", tid=50, pid=50, ptid=31, comm=b"runc"),
    )

    assert [
        ("chdir", "worker", None, "b"),
        ("chdir", "shim", "dockerd", ""),
        ("execve", "runc", "dockerd", ""),
    ] == shown(replayed(listed, *blocks), "proc.name", "proc.pname", "proc.env[A]")

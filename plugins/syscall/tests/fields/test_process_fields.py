"""Fields about processes, containers and users, of events made by hand."""

from __future__ import annotations

import itertools

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost.engine.catalog import Catalog
from falcohost.engine.template import Template
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.records import record as R

CATALOG = Catalog("syscall", FIELDS)
BASH = Task(5_000_001, start=5_000_001, ppid=1, comm=b"bash")
CONTAINER = "0123456789abcdef" * 4


def test_process_fields(one, get):
    """A process is told by its exec: name, arguments, executable, facts of its inode."""
    cat = BASH.named(b"cat")
    facts = {"exe_flags": 6, "exe_ino": 7, "sid": 5, "vsid": 5, "tty": 34816}
    event = one(handmade.execution(cat, b"/bin/cat", (b"/bin/cat", b"-n", b"a b"), **facts))

    assert ("cat", "/bin/cat", "/bin/cat") == tuple(get(event, f"proc.{x}") for x in ("name", "exe", "exepath"))
    assert ("cat -n a b", "-n a b") == (get(event, "proc.cmdline"), get(event, "proc.args"))
    assert ("-n", "a b", "") == tuple(get(event, "proc.args", index) for index in range(3))
    assert (True, True, False) == tuple(
        get(event, f"proc.is_exe_{x}") for x in ("upper_layer", "lower_layer", "from_memfd")
    )
    assert (7, 34816, "/root/") == (get(event, "proc.exe_ino"), get(event, "proc.tty"), get(event, "proc.cwd"))
    assert ("/root", "", "HOME=/root LANG=C") == tuple(get(event, "proc.env", x) for x in ("HOME", "NONE", None))
    assert "SUCCESS" == get(event, "evt.res")


@pytest.mark.parametrize(("flags", "expected"), [(64, False), (96, True), (0, None), (32, None)])
def test_in_tmpfs(one, get, flags, expected):
    """Whether a program is in a tmpfs is absent where it is not known, and kept over forks."""
    child = Task(5_000_002, start=2, ppid=BASH.pid)
    execution = handmade.execution(BASH, b"/mnt/x", (b"x",), exe_flags=flags)

    assert expected is get(one(execution), "proc.is_exe_from_tmpfs")
    assert expected is get(
        one(execution, handmade.fork(BASH, child), handmade.call("chdir", child, 0)), "proc.is_exe_from_tmpfs"
    )


def test_ancestors(one, get):
    """[0] is the process, [1] its parent; without a number, all ancestors but itself."""
    child = Task(5_000_002, start=2, ppid=BASH.pid)
    event = one(
        handmade.call("chdir", BASH, 0),
        handmade.fork(BASH, child),
        handmade.execution(child.named(b"cat"), b"/bin/cat", (b"cat",)),
    )

    assert ("cat", "bash") == (get(event, "proc.aname", 0), get(event, "proc.aname", 1))
    assert "bash" == get(event, "proc.aname")[0]
    assert "cat" not in get(event, "proc.aname")
    assert ("bash", BASH.pid) == (get(event, "proc.pname"), get(event, "proc.ppid"))
    assert get(event, "proc.aname", 500) is None


def test_ancestors_in_an_output(one, get):
    """Without an index an output shows all ancestors' names, and of their process ids, as Falco, the process's own."""
    child = Task(5_000_002, start=5_000_002, ppid=BASH.pid, comm=b"cat")
    event = one(handmade.fork(BASH, child), handmade.call("openat", child, 3, (-100, 0, 0), {R.SEC_PATH: b"x"}))
    shown = Template.parse("%proc.apid %proc.apid[1] %proc.aname[1]", CATALOG)

    assert f"{child.pid} {BASH.pid} bash" == shown.message(event)
    assert child.pid == shown.values(event)["proc.apid"]
    assert BASH.pid in get(event, "proc.apid")


def test_arguments_of_all_ancestors(one, get):
    """Without an index those of all ancestors are joined by blanks, as in Falco."""
    tasks = [BASH, *(Task(BASH.pid + n, start=n, ppid=BASH.pid + n - 1) for n in (1, 2))]
    records = [handmade.execution(BASH, b"/bin/bash", (b"bash", b"-c", b"x"))]
    for parent, child in itertools.pairwise(tasks):
        records += [
            handmade.fork(parent, child),
            handmade.execution(child, b"/bin/sh", (b"sh", str(child.pid).encode())),
        ]
    event = one(*records)

    assert f"{tasks[1].pid} -c x" == get(event, "proc.aargs").strip()
    assert (f"{tasks[1].pid}", "-c x") == (get(event, "proc.aargs", 1), get(event, "proc.aargs", 2))


def test_container(one, get):
    """The container is that of the thread's cgroup; its metadata is absent."""
    inside = one(handmade.cgroups(7, b"memory=/docker/" + CONTAINER.encode()), handmade.call("chdir", BASH, 0))
    names = ("id", "full_id", "type", "image.repository")

    assert (CONTAINER[:12], CONTAINER, "docker", None) == tuple(get(inside, f"container.{x}") for x in names)


def test_cgroups_that_look_like_others(one, get):
    """A name with a blank does not look like another hierarchy, and what lacks its beginning says so."""
    paths = (b"cpu=/x pids=/kubepods/y", b"pids=" + b"/a" * 64 + b"/kubepods")
    event = one(handmade.cgroups(7, *paths), handmade.call("chdir", BASH, 0))

    assert f"cpu=/x\\x20pids=/kubepods/y pids=...{'/a' * 64}/kubepods" == get(event, "thread.cgroups")


def test_host(one, get):
    """Outside of containers all is host, and what a runtime would say is "", as in Falco."""
    outside = one(handmade.cgroups(7, b"memory=/user.slice"), handmade.call("chdir", BASH, 0))
    names = ("id", "full_id", "name", "type", "image.repository", "privileged")

    assert ("host", "host", "host", "host", "", False) == tuple(get(outside, f"container.{x}") for x in names)


@pytest.mark.parametrize(("facts", "privileged"), [({"unconfined": 1}, True), ({"unconfined": 0}, False)])
def test_privileged(one, get, facts, privileged):
    """A container is privileged if its init may do all that the machine's init may."""
    exec_record = handmade.execution(BASH, b"/bin/sh", (b"sh",), **facts)
    event = one(handmade.cgroups(7, b"memory=/docker/" + CONTAINER.encode()), exec_record)

    assert privileged is get(event, "container.privileged")


INIT = Task(5_000_011, start=11, comm=b"init")
#: Below it or beside it: a shell, and what it starts.
SHELL = Task(5_000_012, start=12, ppid=INIT.pid, comm=b"sh")
CURL = Task(5_000_013, start=13, ppid=SHELL.pid, comm=b"curl")


@pytest.mark.parametrize(
    ("marked", "namespaces", "found"),
    [
        (SHELL, (11, 11, 11), ("sh", "-x", "a b")),
        (CURL, (11, 11, 11), ("curl", "-x", "a b")),
        (None, (11, 11, 11), None),
        (SHELL, (11, 0, 11), None),
        (SHELL, (11, 11, 12), None),
    ],
)
def test_what_came_from_outside(one, get, marked, namespaces, found):
    """What has been marked by the kernel came from outside, with what it has started in the same pid namespace."""
    records = [handmade.call("chdir", INIT, 0)]
    for task, namespace in zip((INIT, SHELL, CURL), namespaces, strict=True):
        facts = {"pidns_start": namespace, "exe_flags": R.EXE_ENTERED * (task is marked)}
        records.append(handmade.execution(task, b"/bin/x", (task.comm, b"-x", b"a b"), **facts))

    assert found == get(one(*records, handmade.call("chdir", CURL, 0)), "proc.entered_with")


def test_users(one, get):
    """Numbers have the names of this machine's accounts; those without have <NA>."""
    task = Task(5_000_001, start=1, uid=0, gid=4_000_000, loginuid=0xFFFFFFFF)
    event = one(handmade.call("chdir", task, 0))

    assert ("root", "<NA>") == (get(event, "user.name"), get(event, "group.name"))
    assert (-1, "<NA>") == (get(event, "user.loginuid"), get(event, "user.loginname"))

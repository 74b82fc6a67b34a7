"""Properties of all fields, and values that are shown by name."""

from __future__ import annotations

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost.testing.values import arguments, wrong_value
from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.fields.rows import FIELDS

FIELD = {field.name: field for field in FIELDS}
BASH = Task(5_000_001, start=5_000_001, ppid=1, comm=b"bash")


@pytest.mark.parametrize(
    ("name", "args", "arg", "text"),
    [
        ("kill", (5_000_001, 9), "sig", "SIGKILL"),
        ("kill", (5_000_001, 9), "pid", "bash"),
        ("ptrace", (16, 1), "request", "PTRACE_ATTACH"),
        ("ptrace", (0x4206, 1), "request", "PTRACE_SEIZE"),
        ("socket", (16, 3, 0), "domain", "AF_ROUTE|AF_NETLINK"),
        ("unshare", (0x10000000,), "flags", "CLONE_NEWUSER"),
        ("setns", (3, 0), "nstype", "0"),
        ("fchmod", (3, 0o4755), "mode", "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"),
        ("setuid", (0,), "uid", "root"),
        ("setresuid", (0xFFFFFFFF, 0, 0), "ruid", "<NONE>"),
        ("bpf", (5,), "cmd", "BPF_PROG_LOAD"),
        ("prctl", (15,), "option", "PR_SET_NAME"),
        ("memfd_create", (0, 1), "flags", "MFD_CLOEXEC"),
        ("eventfd2", (0, 0), "flags", "O_NONE"),
        ("fcntl", (3, 1 << 32 | 4), "cmd", "F_SETFL"),
        ("setsockopt", (3, 1, 26), "optname", "SO_ATTACH_FILTER"),
        ("setsockopt", (3, 1 << 32 | 1, 59), "optname", "SO_PEERGROUPS"),
        ("setsockopt", (3, 6, 26), "level", "SOL_TCP"),
        ("setsockopt", (3, 6, 26), "optname", "UNKNOWN"),
        ("close_range", (3, 9, 4), "flags", "CLOSE_RANGE_CLOEXEC"),
        ("mlockall", (3,), "flags", "MCL_CURRENT|MCL_FUTURE"),
        ("semget", (7, 1, 0o1666), "semflg", "IPC_CREAT"),
        ("getuid", (), "uid", "root"),
    ],
)
def test_named_values(one, get, name, args, arg, text):
    """Flags and enumerations are shown by their names."""
    assert text == get(one(handmade.call(name, BASH, 0, args)), "evt.arg", arg)


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.name)
def test_fields_stand_every_event(one, row):
    """Every field has a value of its type, or none, for every event without any of its sections."""
    record = handmade.end(BASH) if row.name == "procexit" else handmade.call(row.name, BASH, 0, (3, 0, 5))
    event = one(record)

    assert [] == [
        problem
        for field in FIELDS
        if not field.name.startswith("proc.std")
        for arg in arguments(field)
        if (problem := wrong_value(field, event, arg))
    ]


def test_names_are_declared_once():
    """No two fields have one name, and every description is a sentence."""
    assert len(FIELDS) == len(FIELD)
    assert [] == [field.name for field in FIELDS if not field.description.endswith(".")]


@pytest.mark.parametrize(("value", "problem"), [("openat", None), ("opn", "unknown event type opn")])
def test_event_types_are_checked(value, problem):
    """A rule that compares with an event type that there is not is told so."""
    assert problem == FIELD["evt.type"].check_value(value)

"""The rows of the fields that rules read decide what is collected."""

from __future__ import annotations

import pytest

from falcohost.events import Plan
from falcohost_syscall.calls.rows import BY_NAME, CALLS
from falcohost_syscall.drivers.modern_ebpf import wanted
from falcohost_syscall.fields.field import Need
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.pushdown.needs import needs, table_calls
from falcohost_syscall.pushdown.present import present
from falcohost_syscall.records import record as R


def plan(event_type: str, *asked: tuple[str, str | None]) -> Plan:
    """Return the plan of rules that ask for fields of events of a type, each with its argument."""
    fields, arguments = frozenset(name for name, _ in asked), frozenset((name, arg) for name, arg in asked if arg)
    return Plan("syscall", frozenset({event_type}), fields, arguments, by_type={event_type: frozenset(asked)})


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (set(), "proc.name"),
        (set(), "a.lookup's"),
        ({Need.DIRECTORIES}, "proc.cwd"),
        ({Need.ENVIRONMENTS}, "proc.env"),
        ({Need.SESSIONS}, "proc.sname"),
        ({Need.SESSIONS}, "proc.tty"),
        ({Need.ACCOUNTS}, "user.name"),
        ({Need.DESTINATIONS}, "fd.name_changed"),
        ({Need.EVERY_EVENT}, "evt.deltatime"),
    ],
)
def test_needs(expected, name):
    """A field needs what its row says; one of another plugin has no such row, and needs nothing."""
    assert expected == needs(plan("openat", (name, None)))


@pytest.mark.parametrize(
    ("expected", "event_type", "name", "arg"),
    [
        ({Need.DIRECTORIES, Need.ENVIRONMENTS}, "execve", "evt.args", None),
        ({Need.DIRECTORIES}, "clone", "evt.info", None),
        ({Need.DIRECTORIES}, "execve", "evt.rawarg", "cwd"),
        ({Need.DIRECTORIES}, "execve", "evt.rawarg", "6"),
        ({Need.ENVIRONMENTS}, "execve", "evt.rawarg", "env"),
        (set(), "execve", "evt.rawarg", "comm"),
        (set(), "openat", "evt.args", None),
    ],
)
def test_needs_of_parameters(expected, event_type, name, arg):
    """Parameters of an exec or a fork need what they are read from, all of them or the one that is asked for."""
    assert expected == needs(plan(event_type, (name, arg))) - {Need.PARAMETERS}


def test_table_calls():
    """Calls that change what is needed of all processes keep the table true."""
    assert {"setsid", "setpgid"} == table_calls(frozenset({Need.SESSIONS, Need.ACCOUNTS}))
    assert {"chdir", "fchdir"} == table_calls(frozenset({Need.DIRECTORIES}))


@pytest.mark.parametrize(
    ("expected", "event_type", "name", "arg"),
    [
        (R.ASKS_RESOURCES, "openat", "proc.vmrss", None),
        (R.ASKS_STREAMS, "execve", "proc.stdin.name", None),
        (R.ASKS_FD_TYPES, "openat", "fd.types", None),
        (R.ASKS_STREAMS, "openat", "fd.types", "1"),
        (R.ASKS_VALUES | R.ASKS_POLLED, "poll", "fdlist.names", None),
        (0, "openat", "fdlist.names", None),
        (R.ASKS_VALUES, "setsockopt", "evt.arg", "val"),
        (0, "setsockopt", "evt.arg", "optlen"),
        (R.ASKS_VALUES, "getsockopt", "evt.args", None),
        (R.ASKS_RESOURCES, "mmap", "evt.arg", "vm_size"),
        (0, "mmap", "evt.arg", "addr"),
        (R.ASKS_RESOURCES, "clone", "evt.args", None),
        (0, "openat", "evt.args", None),
        (0, "openat", "fd.name", None),
    ],
)
def test_what_is_collected_of_events_that_pass(expected, event_type, name, arg):
    """The state of a process and further parameters are collected for fields that read them, and only then."""
    asked = plan(event_type, (name, arg))
    spec = next(iter(wanted.calls(frozenset({event_type}), "x86_64", present={event_type: expected}).values()))

    assert expected == present(asked, BY_NAME[event_type])
    assert expected == spec.asks


def test_other_types_of_events_pay_nothing():
    """What a rule reads from one type of events is not collected of others."""
    asked = plan("openat", ("proc.vmrss", None), ("proc.stdin.type", None), ("fd.types", None))

    assert {"openat"} == {row.name for row in CALLS if present(asked, row)}
    assert 0 == wanted.options(asked, {}).present


def test_fields_that_cost_nothing_more():
    """Only these fields have something collected for them after the filters."""
    costly = {field.name for field in FIELDS if present(plan("poll", (field.name, None)), BY_NAME["poll"])}

    assert costly == {
        *("proc.fdopencount", "proc.fdlimit", "proc.fdusage", "proc.vmsize", "proc.vmrss", "proc.vmswap"),
        *("proc.nthreads", "proc.nchilds", "thread.pfmajor", "thread.pfminor", "thread.vmsize", "thread.vmrss"),
        *(f"proc.{stream}.{part}" for stream in ("stdin", "stdout", "stderr") for part in ("type", "name")),
        *(f"fdlist.{name}" for name in ("nums", "names", "cips", "sips", "cports", "sports")),
        *("fd.types", "evt.args", "evt.info"),
    }

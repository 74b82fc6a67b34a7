"""The rows of the fields that rules read decide what is collected."""

from __future__ import annotations

import pytest

from falcohost.events import Plan
from falcohost_syscall.fields.field import Need
from falcohost_syscall.pushdown.needs import needs, table_calls


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

"""The explanation of the push-down agrees with the push-down."""

from __future__ import annotations

from random import Random

import pytest
import random_events
import random_rules

from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.code.specialise import specialise
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.pushdown.told import necessary_part, pushed, unfiltered

WORKING = "working directories are kept outside of the kernel's programs"
CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))


def plan(text: str) -> Plan:
    """Return the plan for a rule with the condition *text*."""
    expr = check(parse(text), CATALOG).expr
    fields = frozenset(ref.field.name for ref in ir.fields(expr))
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), fields, condition=expr)


def told(text: str) -> list[tuple[str, str]]:
    """Return what is told of a rule with the condition *text*."""
    return list(pushed(plan(text)))


def test_it_is_what_the_kernel_is_given():
    """The condition that is shown makes the same filter as the whole condition of the rule."""
    random, users = Random("told"), Users()
    for _ in range(500):
        expr, name = random_rules.condition(random), random.choice(random_events.EVENT_TYPES)
        special, bounds = specialise(expr, name), decide(BY_NAME[name], users)

        assert necessary(special, bounds) == necessary(necessary_part(special, bounds), bounds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "evt.type in (open, openat) and fd.name = /etc/shadow and not proc.cwd = cat",
            [
                ("open, openat", "the kernel passes on those with fd.name = /etc/shadow"),
                ("left to the engine", f"proc.cwd ({WORKING})"),
            ],
        ),
        (
            "evt.type = open and (fd.name = /etc/shadow or proc.cwd = cat)",
            [("open", "the kernel passes all of them on"), ("left to the engine", f"proc.cwd ({WORKING})")],
        ),
        (
            "evt.type = open and not (fd.name = /etc/shadow and proc.cwd = cat)",
            [("open", "the kernel passes all of them on"), ("left to the engine", f"proc.cwd ({WORKING})")],
        ),
        (
            "evt.type = open and not (fd.name = /etc/shadow or proc.cwd = cat)",
            [
                ("open", "the kernel passes on those with not fd.name = /etc/shadow"),
                ("left to the engine", f"proc.cwd ({WORKING})"),
            ],
        ),
    ],
)
def test_told(text, expected):
    """It is told by event type what the kernel asks, and which fields are the engine's."""
    assert expected == told(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("evt.type = connect and fd.sip.name = a.example", "fd.sip.name (host names are looked up in DNS)"),
        (
            r"evt.type = execve and proc.args contains '\\x'",
            "proc.args (a backslash may stand for a byte that is not UTF-8)",
        ),
        ("evt.type = sendmmsg and fd.name startswith /run", "fd.name (one call makes several events)"),
        ("evt.type = open and fd.ino = 4", "fd.ino"),
    ],
)
def test_why_it_is_left(text, expected):
    """A check that is left to the engine has a reason, which is reported where it says more than that."""
    assert ("left to the engine", expected) == told(text)[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("evt.type in (open, openat) and fd.name = /etc/shadow", []),
        (
            "evt.type in (open, mount) and proc.cwd = /tmp and evt.rawres >= 0",
            [("open", f"the kernel decides none of its checks: proc.cwd ({WORKING})")],
        ),
        ("evt.type = close", [("close", "it checks nothing else")]),
        ("evt.type = open and proc.name in ()", []),
    ],
)
def test_unfiltered(text, expected):
    """Frequent types of which all events are passed on are named, with the reason; rare ones are not."""
    assert expected == list(unfiltered(plan(text)))

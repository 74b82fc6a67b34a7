"""Which event types drivers collect that keep tables: those that rules ask for, and those that change the tables."""

from __future__ import annotations

from dataclasses import replace

from falcohost import Plan
from falcohost_syscall.calls.base_syscalls import BaseSyscalls
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.fields.field import Need
from falcohost_syscall.pushdown.needs import needs
from falcohost_syscall.scap.changes import CHANGES, MEMORY
from falcohost_syscall.scap.event_types import TYPES


def chosen(base: BaseSyscalls, plan: Plan) -> Plan:
    """Return *plan* with the event types that the settings allow; never all of them."""
    found = base.choose(plan)
    return replace(found, event_types=event_types(found))


def kept_true(plan: Plan) -> set[str]:
    """Return the event types that change the tables of drivers that keep such."""
    names = {TYPES[code].name for code in CHANGES}
    return names & BY_NAME.keys() if Need.RESOURCES in needs(plan) else (names & BY_NAME.keys()) - MEMORY

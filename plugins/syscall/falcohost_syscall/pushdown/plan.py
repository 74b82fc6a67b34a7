"""Turns a source's plan into filter conditions: one for each event type of which the kernel may leave out events."""

from __future__ import annotations

from falcohost import Plan
from falcohost.ir import specialise
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME, EXIT, Call
from falcohost_syscall.facts import descriptors as fd
from falcohost_syscall.facts.header import RET
from falcohost_syscall.fields.field import Need
from falcohost_syscall.filters.condition import FALSE, TRUE, Condition, all_of, any_of, within
from falcohost_syscall.filters.merge import merged
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.pushdown.needs import needs, table_calls
from falcohost_syscall.pushdown.roles import deciding, decisive
from falcohost_syscall.records.record import WANT_MESSAGES


def conditions(plan: Plan, users: Users, *, all_processes: bool = False) -> dict[str, Condition]:
    """Return the necessary condition of each event type; all events of a type that is missing here pass.

    Types that only decide the roles of sockets (:func:`~falcohost_syscall.pushdown.roles.deciding`) are among them.

    :param users: the accounts that give users and groups their names.
    :param all_processes: the process table in user space is fed with all events that change it.
    """
    needed, asked, decide_roles = needs(plan), event_types(plan), deciding(plan)
    found = {name: decisive(BY_NAME[name]) for name in sorted(decide_roles - asked)}
    if plan.condition is None or Need.EVERY_EVENT in needed:
        return found
    kept = table_calls(needed) | {EXIT} if all_processes else frozenset()
    for name in sorted(asked - kept):
        row = BY_NAME[name]
        if row.want & WANT_MESSAGES:
            continue  # one call makes several events
        condition = necessary(specialise(plan.condition, name), decide(row, users))
        noted = decisive(row) if name in decide_roles else _moving(row) if Need.DESTINATIONS in needed else FALSE
        if noted != FALSE:
            condition = merged(any_of((condition, noted)))
        if condition != TRUE:
            found[name] = condition
    return found


def _moving(row: Call) -> Condition:
    """Return the events that may change a socket's destination, which user space compares with that of later ones."""
    if row.name not in fd.SENDS:
        return FALSE
    return all_of((fd.SENDS[row.name], within(RET, (0, RET.highest))))

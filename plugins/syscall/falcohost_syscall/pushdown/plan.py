"""Turns a source's plan into filter conditions: one for each event type of which the kernel may leave out events."""

from __future__ import annotations

from typing import Final

from falcohost import Plan
from falcohost.ir import specialise
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME, EXIT, Call
from falcohost_syscall.events import sockets
from falcohost_syscall.facts import descriptors as fd
from falcohost_syscall.facts.header import RET
from falcohost_syscall.fields.field import Need
from falcohost_syscall.filters.condition import FALSE, TRUE, Condition, all_of, any_of, negate, within
from falcohost_syscall.filters.factor import factored
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import Known, decide
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.pushdown.needs import needs, table_calls
from falcohost_syscall.records.record import WANT_FD, WANT_MESSAGES, WANT_PATH

_EINPROGRESS: Final = 115
_NOT_OF_ROLES: Final = fd.CONNECTS | fd.ACCEPTS | {"socket", "bind", "listen"}


def conditions(plan: Plan, users: Users, *, all_processes: bool = False) -> dict[str, Condition]:
    """Return the necessary condition of each event type; all events of a type that is missing here pass.

    :param users: the accounts that give users and groups their names.
    :param all_processes: the process table in user space is fed with all events that change it.
    """
    needed = needs(plan)
    if plan.condition is None or Need.EVERY_EVENT in needed:
        return {}
    found = {}
    known: Known = {}
    kept = table_calls(needed) | {EXIT} if all_processes else frozenset()
    for name in sorted(event_types(plan) - kept):
        row = BY_NAME[name]
        if row.want & WANT_MESSAGES:
            continue  # one call makes several events
        condition = necessary(specialise(plan.condition, name), decide(row, users, known))
        noted = _noted(row, plan, needed)
        if noted != FALSE:
            condition = factored(any_of((condition, noted)))
        if condition != TRUE:
            found[name] = condition
    return found


def _noted(row: Call, plan: Plan, needed: frozenset[Need]) -> Condition:
    """Return the events that user space has to see because they decide later events of the same socket.

    Connects and accepts are left out where a later event tells the same (see :mod:`falcohost_syscall.events.sockets`).
    """
    if row.name in fd.SENDS and Need.DESTINATIONS in needed:
        return all_of((fd.SENDS[row.name], within(RET, (0, RET.highest))))
    if row.name not in fd.CONNECTS | fd.ACCEPTS or not any(map(_of_sockets, event_types(plan))):
        return FALSE
    server_like = all_of((within(fd.RPORT, (sockets.EPHEMERAL, 0xFFFF)), within(fd.LPORT, (1, sockets.EPHEMERAL - 1))))
    if row.name in fd.ACCEPTS:
        otherwise = any_of((negate(fd.IS_TCP), all_of((negate(fd.IS_ACCEPTED), negate(server_like)))))
    else:
        went = within(RET, (0, RET.highest), (-_EINPROGRESS, -_EINPROGRESS))
        otherwise = any_of((negate(fd.IS_TCP), negate(went), server_like))
    return all_of((fd.IS_IP, otherwise))


def _of_sockets(name: str) -> bool:
    """Return whether events of this type may be about a socket that was connected or accepted before."""
    row = BY_NAME[name]
    return name not in _NOT_OF_ROLES and bool(row.want & WANT_FD) and not row.want & WANT_PATH

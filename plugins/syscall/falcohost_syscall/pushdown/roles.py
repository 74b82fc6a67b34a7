"""Says which connects and accepts user space has to see because they decide what it says of the same sockets later.

They show which end is the client's. It is guessed from the ports where neither was seen (see
:mod:`falcohost_syscall.events.sockets`), so those are left out that lead to the same guess.
"""

from __future__ import annotations

from typing import Final

from falcohost import Plan
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME, Call
from falcohost_syscall.events import sockets
from falcohost_syscall.facts import descriptors as fd
from falcohost_syscall.facts.header import RET
from falcohost_syscall.fields.field import Need
from falcohost_syscall.fields.rows import BY_FIELD_NAME
from falcohost_syscall.filters.condition import Condition, Number, all_of, any_of, negate, within
from falcohost_syscall.pushdown.needs import named
from falcohost_syscall.records.record import WANT_FD, WANT_PATH

_EINPROGRESS: Final = 115
_DECIDE: Final = fd.CONNECTS | fd.ACCEPTS
_NOT_OF_ROLES: Final = _DECIDE | {"socket", "bind", "listen"}
#: What tells of other descriptors than the event's own, and the parameters that show ends of sockets.
_OF_OTHERS: Final = frozenset({Need.STREAMS, Need.POLLED})
_SHOW_ENDS: Final = frozenset({"fd", "tuple", "fdlist"})


def deciding(plan: Plan) -> frozenset[str]:
    """Return the event types that decide what *plan* reads of later events, whether rules ask for them or not."""
    return _DECIDE if any(_reads_roles(plan, BY_NAME[name]) for name in event_types(plan)) else frozenset()


def decisive(row: Call) -> Condition:
    """Return the events of *row*, a type that decides, which do not lead to what would be guessed without them."""
    client_like = all_of((_high(fd.LPORT), _low(fd.RPORT, 0)))
    server_like = all_of((_high(fd.RPORT), _low(fd.LPORT, 1)))
    if row.name in fd.ACCEPTS:
        otherwise = any_of((negate(fd.IS_TCP), negate(server_like)))
    else:
        went = within(RET, (0, RET.highest), (-_EINPROGRESS, -_EINPROGRESS))
        # What receives a datagram is taken for a server, unless its ports are like a client's.
        otherwise = any_of((negate(went), server_like, all_of((negate(fd.IS_TCP), negate(client_like)))))
    return all_of((fd.IS_IP, otherwise))


def _high(port: Number) -> Condition:
    return within(port, (sockets.EPHEMERAL, 0xFFFF))


def _low(port: Number, least: int) -> Condition:
    return within(port, (least, sockets.EPHEMERAL - 1))


def _reads_roles(plan: Plan, row: Call) -> bool:
    """Return whether rules read from events of *row* which end of a socket is the client's."""
    of_sockets = row.name not in _NOT_OF_ROLES and bool(row.want & WANT_FD) and not row.want & WANT_PATH
    for name, arg in plan.asked_of(row.name):
        field = BY_FIELD_NAME.get(name)
        if field is None:
            continue
        if field.needs & _OF_OTHERS or (of_sockets and Need.ROLES in field.needs):
            return True
        if Need.PARAMETERS in field.needs and not (arg is None and field.arg_required):
            kinds = {param.kind for param in named(row, arg)} & _SHOW_ENDS
            if "fdlist" in kinds or (of_sockets and kinds):
                return True
    return False

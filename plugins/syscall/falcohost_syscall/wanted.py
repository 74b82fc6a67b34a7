"""From the rules' plan to the calls that the probe collects."""

from __future__ import annotations

import platform

from falcohost.events import Plan
from falcohost_syscall.calls import BY_NAME, CALLS, EXIT, NOT_BY_DEFAULT, Call
from falcohost_syscall.records import COMPAT_BASE, CallSpec

# Calls that keep the process table true, where rules ask for what they change.
_SESSION_CALLS = frozenset({"setsid", "setpgid"})
_CWD_CALLS = frozenset({"chdir", "fchdir"})
_SESSION_FIELDS = ("proc.sid", "proc.sname", "proc.pgid", "proc.vpgid", "proc.tty", "proc.is_sid", "proc.is_pgid")


def event_types(plan: Plan) -> frozenset[str]:
    """Return the event types that *plan* wants and that can be collected."""
    if plan.event_types is None:
        return frozenset(BY_NAME) - NOT_BY_DEFAULT
    return plan.event_types & frozenset(BY_NAME)


def collected(plan: Plan) -> frozenset[str]:
    """Return the event types to collect: those wanted, and those that the process table needs."""
    types = event_types(plan)
    if any(name.startswith((*_SESSION_FIELDS, "proc.is_vpgid")) for name in plan.fields):
        types |= _SESSION_CALLS
    if "proc.cwd" in plan.fields:
        types |= _CWD_CALLS
    return types


def calls(types: frozenset[str], machine: str | None = None) -> dict[int, CallSpec]:
    """Return what the probe is told for these event types, by number of the call on this machine."""
    machine = machine or platform.machine()
    specs: dict[int, CallSpec] = {}
    for row in CALLS:
        if row.name not in types or row.name == EXIT:
            continue
        spec = _spec(row)
        specs |= dict.fromkeys(row.numbers.get(machine, ()), spec)
        if machine == "x86_64":
            specs |= {COMPAT_BASE + number: spec for number in row.numbers.get("i386", ())}
    return specs


def _spec(row: Call) -> CallSpec:
    return CallSpec(
        call=row.call,
        want=row.want,
        fd_arg=row.fd_arg,
        path_arg=row.path_arg,
        dir_arg=row.dir_arg,
        path2_arg=row.path2_arg,
        dir2_arg=row.dir2_arg,
        addr_arg=row.addr_arg,
        data_arg=row.data_arg,
        str_arg=row.str_arg,
    )

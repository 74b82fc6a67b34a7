"""From the rules' plan to the calls that the probe collects."""

from __future__ import annotations

import platform

from falcohost.events import Plan
from falcohost_syscall.calls import BY_NAME, CALLS, EXIT, NOT_BY_DEFAULT, Call
from falcohost_syscall.drivers.modern_ebpf import Options
from falcohost_syscall.records import COMPAT_BASE, NO_ARG, WANT_FAILED_ONLY, WANT_SUCCESS_ONLY, CallSpec

# Calls that keep the process table true, where rules ask for what they change.
_SESSION_CALLS = frozenset({"setsid", "setpgid"})
_CWD_CALLS = frozenset({"chdir", "fchdir"})
#: Operations of io_uring (include/uapi/linux/io_uring.h) and the call that does the same.
_REQUESTS = {
    9: "sendmsg",
    10: "recvmsg",
    13: "accept4",
    16: "connect",
    18: "openat",
    22: "read",
    23: "write",
    26: "sendto",
    27: "recvfrom",
    28: "openat2",
    35: "renameat2",
    36: "unlinkat",
    37: "mkdirat",
    38: "symlinkat",
    39: "linkat",
    45: "socket",
}
_SESSION_FIELDS = ("proc.sid", "proc.sname", "proc.pgid", "proc.vpgid", "proc.tty", "proc.is_sid", "proc.is_pgid")


def event_types(plan: Plan) -> frozenset[str]:
    """Return the event types that *plan* wants and that can be collected."""
    if plan.event_types is None:
        return frozenset(BY_NAME) - NOT_BY_DEFAULT
    return plan.event_types & frozenset(BY_NAME)


def collected(plan: Plan) -> frozenset[str]:
    """Return the event types to collect: those wanted, and those that the process table needs."""
    return event_types(plan) | table_calls(plan)


def table_calls(plan: Plan) -> frozenset[str]:
    """Return the event types without which the process table would not say what *plan* asks of it."""
    types: frozenset[str] = frozenset()
    if any(name.startswith((*_SESSION_FIELDS, "proc.is_vpgid")) for name in plan.fields):
        types |= _SESSION_CALLS
    if options(plan).exec_cwd:
        types |= _CWD_CALLS
    return types


def options(plan: Plan) -> Options:
    """Return what the probe has to say of processes beyond what it always says."""
    return Options(
        exec_cwd="proc.cwd" in plan.fields or _shows(plan, "cwd"),
        exec_env=not plan.fields.isdisjoint({"proc.env", "proc.aenv"}) or _shows(plan, "env"),
    )


def _shows(plan: Plan, name: str) -> bool:
    """Tell whether a rule may ask for this parameter of an exec."""
    place = str(BY_NAME["execve"].param_index[name])
    asked = {("evt.arg", name), ("evt.arg", place)}
    return not plan.fields.isdisjoint({"evt.args", "evt.info"}) or not plan.arguments.isdisjoint(asked)


def calls(types: frozenset[str], machine: str | None = None, *, only_successful: bool = False) -> dict[int, CallSpec]:
    """Return what the probe is told for these event types, by number of the call on this machine.

    With *only_successful* it leaves out calls that failed.
    """
    machine = machine or platform.machine()
    specs: dict[int, CallSpec] = {}
    for row in CALLS:
        if row.name not in types or row.name == EXIT:
            continue
        spec = _spec(row)
        if only_successful:
            if row.want & WANT_FAILED_ONLY:
                continue
            spec = spec._replace(want=row.want | WANT_SUCCESS_ONLY)
        specs |= dict.fromkeys(row.numbers.get(machine, ()), spec)
        if machine == "x86_64":
            specs |= {COMPAT_BASE + number: spec for number in row.numbers.get("i386", ())}
    return specs


def requests(types: frozenset[str], *, only_successful: bool = False) -> dict[int, CallSpec]:
    """Return what the probe is told of requests of io_uring for these event types, by operation."""
    specs = {operation: _spec(BY_NAME[name]) for operation, name in _REQUESTS.items() if name in types}
    if only_successful:
        return {operation: spec._replace(want=spec.want | WANT_SUCCESS_ONLY) for operation, spec in specs.items()}
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
        flags_arg=NO_ARG if row.open_flags is None else row.open_flags,
    )

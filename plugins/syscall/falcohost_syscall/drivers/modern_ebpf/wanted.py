"""Selects the calls that the probe collects for the rules' plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from falcohost import Plan
from falcohost_syscall.calls.arm import WITHOUT_ADDRESS
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME, CALLS, EXEC, EXIT, FORKS, MOMENTS, Call
from falcohost_syscall.drivers.modern_ebpf.hooks import ATTRIBUTE, INSTALLS
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.facts.folders import has_folders, modes
from falcohost_syscall.facts.header import RET
from falcohost_syscall.facts.leaves import leaf_bits
from falcohost_syscall.facts.processes import about, asks
from falcohost_syscall.facts.sorts import ALL_SORTS, sorts
from falcohost_syscall.fields.field import Need
from falcohost_syscall.filters.condition import FALSE, TRUE, Condition, may_hold
from falcohost_syscall.pushdown.needs import in_conditions, needs, table_calls
from falcohost_syscall.pushdown.present import present
from falcohost_syscall.records.record import (
    COMPAT_BASE,
    NO_ARG,
    RET_ARG,
    WANT_ATTRIBUTE,
    WANT_BEGIN,
    WANT_ENTERED,
    WANT_FAILED_ONLY,
    WANT_REACHED,
    WANT_SENDER,
    WANT_SOCKADDR,
    WANT_SUCCESS_ONLY,
    CallSpec,
)

#: Whose programs of 32 bits a machine runs, and the calls of those that pass no address where their rows have one.
_OF_32_BITS = {"x86_64": "i386", "aarch64": "arm"}
_NO_ADDRESS = {"aarch64": WITHOUT_ADDRESS}
#: Operations of io_uring (include/uapi/linux/io_uring.h) and the call with the same effect.
_REQUESTS = {
    1: "readv",
    2: "writev",
    4: "read",
    5: "write",
    9: "sendmsg",
    10: "recvmsg",
    13: "accept4",
    16: "connect",
    18: "openat",
    19: "close",
    22: "read",
    23: "write",
    26: "sendto",
    27: "recvfrom",
    28: "openat2",
    30: "splice",
    34: "shutdown",
    35: "renameat2",
    36: "unlinkat",
    37: "mkdirat",
    38: "symlinkat",
    39: "linkat",
    41: "fsetxattr",
    42: "setxattr",
    45: "socket",
    47: "sendto",
    48: "sendmsg",
    49: "read",
    56: "bind",
    57: "listen",
    60: "readv",
    61: "writev",
}
#: What does not hold for requests. The file of a request to close is gone when it is done.
_OF_CALLS = WANT_BEGIN
_CLOSE = 19
#: The kernel functions, with hooks, that perform requests (drivers/modern_ebpf/hooks.py).
_PERFORMED = {
    "renameat2": "io_renameat",
    "unlinkat": "io_unlinkat",
    "mkdirat": "io_mkdirat",
    "symlinkat": "io_symlinkat",
    "linkat": "io_linkat",
}


def collected(plan: Plan, needed: Mapping[str, Condition], *, all_processes: bool = False) -> frozenset[str]:
    """Return the event types to collect: those of *plan* whose conditions in *needed* can hold."""
    types = event_types(plan) | (table_calls(needs(plan)) if all_processes else frozenset())
    return types - {name for name, condition in needed.items() if condition == FALSE}


def options(plan: Plan, needed: Mapping[str, Condition], *, all_processes: bool = False) -> Options:
    """Return the options for processes; *needed* has the conditions of event types."""
    types, reads = collected(plan, needed), needs(plan)
    return Options(
        exec_cwd=Need.DIRECTORIES in reads,
        exec_env=Need.ENVIRONMENTS in reads,
        all_processes=all_processes,
        sessions=Need.SESSIONS in reads,
        more_args=Need.ARGUMENTS in in_conditions(plan),
        execve=EXEC in types,
        procexit=EXIT in types,
        about_execs=about(needed.get(EXEC, TRUE)),
        about_exits=about(needed.get(EXIT, TRUE)),
        present=present(plan, BY_NAME[EXEC]) | present(plan, BY_NAME[EXIT]),
    )


def calls(
    types: frozenset[str],
    machine: str | None = None,
    *,
    needed: Mapping[str, Condition] | None = None,
    only_successful: bool = False,
    hooks: frozenset[str] = frozenset(),
    present: Mapping[str, int] = MappingProxyType({}),
) -> dict[int, CallSpec]:
    """Return the probe's settings for these event types, by number of the call on this machine.

    :param needed: the conditions of their filters.
    :param present: what is collected only of events that pass, by event type (``ASKS_…``).
    :param only_successful: leave out calls that failed.
    :param hooks: the hooks at which the probe can find what paths lead to.
    """
    machine = machine or os.uname().machine
    specs: dict[int, CallSpec] = {}
    for row in CALLS:
        if row.name not in types or row.name == EXIT:
            continue
        spec = _spec(row, needed, present.get(row.name, 0))
        if only_successful:
            if row.want & WANT_FAILED_ONLY:
                continue
            spec = spec._replace(want=row.want | WANT_SUCCESS_ONLY)
        if row.hooks and hooks.issuperset(row.hooks):
            spec = spec._replace(want=spec.want | WANT_REACHED)
        elif row.left:
            spec = spec._replace(want=spec.want | WANT_REACHED, left=row.left)
        specs |= dict.fromkeys(row.numbers.get(machine, ()), spec)
        short = _NO_ADDRESS.get(machine, frozenset[int]())
        for number in row.numbers.get(_OF_32_BITS.get(machine, ""), ()):
            specs[COMPAT_BASE + number] = _without_address(spec) if number in short else spec
    return specs


def _without_address(spec: CallSpec) -> CallSpec:
    return spec._replace(want=spec.want & ~(WANT_SOCKADDR | WANT_SENDER), addr_arg=NO_ARG)


def moments(
    types: frozenset[str], *, needed: Mapping[str, Condition] | None = None, present: Mapping[str, int]
) -> dict[int, CallSpec]:
    """Return the probe's settings for the event types that are no calls, by ``enum moment``."""
    return {
        number: _spec(BY_NAME[name], needed, present.get(name, 0)) for name, number in MOMENTS.items() if name in types
    }


def returning_twice(
    types: frozenset[str], machine: str | None = None, *, needed: Mapping[str, Condition]
) -> frozenset[int]:
    """Return the numbers (as in :func:`calls`) of calls whose return in a new process rules may ask for."""
    forks = {name for name in FORKS & types if may_hold(needed.get(name, TRUE), RET, 0)}
    return frozenset(calls(frozenset(forks), machine))


def hooks(types: frozenset[str]) -> frozenset[str]:
    """Return the hooks and other functions that calls and requests of these event types pass."""
    passed = {hook for name in types for hook in BY_NAME[name].hooks}
    if any(BY_NAME[name].want & WANT_ATTRIBUTE for name in types):
        passed.add(ATTRIBUTE)
    if any(BY_NAME[name].gives_file for name in types):
        passed.add(INSTALLS)
    return frozenset(passed | {_PERFORMED[name] for name in types & _PERFORMED.keys()})


def entered(types: frozenset[str]) -> frozenset[str]:
    """Return the calls of these event types that are also read when they begin, by their names in the kernel."""
    return frozenset(name for name in types if BY_NAME[name].want & WANT_ENTERED)


def requests(
    types: frozenset[str],
    *,
    needed: Mapping[str, Condition] | None = None,
    only_successful: bool = False,
    hooks: frozenset[str] = frozenset(),
) -> dict[int, CallSpec]:
    """Return the probe's settings for io_uring requests of these event types, by operation; see :func:`calls`."""
    specs = {operation: _spec(BY_NAME[name], needed) for operation, name in _REQUESTS.items() if name in types}
    specs = {operation: spec._replace(want=spec.want & ~_OF_CALLS) for operation, spec in specs.items()}
    specs |= {_CLOSE: specs[_CLOSE]._replace(want=0, fd_arg=NO_ARG)} if _CLOSE in specs else {}
    for operation, spec in specs.items():
        name = _REQUESTS[operation]
        if name in _PERFORMED and hooks.issuperset((_PERFORMED[name], *BY_NAME[name].hooks)):
            specs[operation] = spec._replace(want=spec.want | WANT_REACHED)
    if only_successful:
        return {operation: spec._replace(want=spec.want | WANT_SUCCESS_ONLY) for operation, spec in specs.items()}
    return specs


def _spec(row: Call, needed: Mapping[str, Condition] | None, present: int = 0) -> CallSpec:
    condition = (needed or {}).get(row.name, TRUE)
    values = (*row.values, NO_ARG, NO_ARG, NO_ARG)
    # What a hook has kept of a call is taken when it returns, whatever its arguments.
    sort_arg, sorted_bits = (NO_ARG, ALL_SORTS) if row.hooks or row.left else sorts(condition)
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
        about=about(condition),
        pid_arg=_pid_arg(row),
        asks=asks(condition) | present,
        value_arg=values[0],
        value2_arg=values[1],
        value3_arg=values[2],
        folders=modes(condition) if has_folders(row) else 0,
        sort_arg=sort_arg,
        sorts=sorted_bits,
        leaves=leaf_bits(condition),
    )


def _pid_arg(row: Call) -> int:
    """Return the argument with the pid of the other process that an event is about."""
    sources = [param.source for param in row.params if param.kind == "pid"]
    if "child" in sources:
        return RET_ARG
    return next((int(source) for source in sources if source.isdigit()), NO_ARG)

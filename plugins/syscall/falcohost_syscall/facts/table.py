"""Which fields of rules the kernel knows, and as what: one table, and how each entry differs between event types.

An entry says exactly what the field's getter says of the same record, or that the kernel cannot tell. What is not in
the table (or in that of accounts.py) is not pushed down: it counts as true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from falcohost import Arg
from falcohost.ir import Check, Exists, FieldRef
from falcohost_syscall.calls import flags
from falcohost_syscall.calls.rows import EXIT, Call
from falcohost_syscall.events.descriptors import CHARS, char_without_file
from falcohost_syscall.facts import accounts, arguments, containers, descriptors, environment, paths, processes
from falcohost_syscall.facts.descriptors import RET
from falcohost_syscall.facts.kinds import (
    Cases,
    Decimal,
    Describe,
    Fact,
    Flags,
    Numeric,
    Otherwise,
    check_bounds,
    constant,
    truth,
)
from falcohost_syscall.fields.path import NAMES, SOURCES, TARGETS
from falcohost_syscall.filters import layout
from falcohost_syscall.filters.bounds import UNDECIDED, Bounds
from falcohost_syscall.filters.condition import Condition, Point, any_of, negate, within
from falcohost_syscall.processes.users import Users
from falcohost_syscall.records import record

_ERRORS: Final = within(RET, (RET.lowest, -1))
_LAST_ERRNO: Final = 4095
_EINPROGRESS: Final = 115


def decide(row: Call, users: Users) -> Callable[[Check | Exists], Bounds]:
    """Return what tells for events of *row* what the kernel knows of a check, by the names of *users*."""

    def bounds(check: Check | Exists) -> Bounds:
        ref = check.left
        if not isinstance(ref, FieldRef):
            return UNDECIDED
        describe = FACTS.get(ref.field.name)
        fact = accounts.described(row, ref, users) or (describe(row, ref.arg) if describe is not None else None)
        return check_bounds(check, fact)

    return bounds


def _always(value: Callable[[Call], Any]) -> Describe:
    return lambda row, _: constant(value(row))


def _number(member: str) -> Describe:
    return lambda _, __: Numeric(layout.header(member, 4))


def _has_result(row: Call) -> bool:
    return row.name != EXIT and not row.generic


def _raw_result(row: Call, _: Arg) -> Fact:
    return Numeric(RET) if _has_result(row) else constant(None)


def _failed(row: Call, _: Arg) -> Fact:
    return truth(_ERRORS) if _has_result(row) else constant(None)


def _result(row: Call, _: Arg) -> Fact:
    if not _has_result(row):
        return constant(None)
    named = [number for number in range(-_LAST_ERRNO, 0) if flags.errno_name(number)]
    cases: list[tuple[Condition, Any]] = [(within(RET, (0, RET.highest)), "SUCCESS")]
    cases += [(within(RET, (number, number)), flags.errno_name(number)) for number in named]
    named_or_success = any_of(condition for condition, _ in cases)
    return Cases((*cases, (negate(named_or_success), Decimal())))


def _length(row: Call, _: Arg) -> Fact:
    return Numeric(layout.header("ret", 8), negate(_ERRORS)) if row.io else constant(None)


def _name_changed(row: Call, _: Arg) -> Fact | None:
    if row.name in descriptors.ACCEPTS:
        return constant(True)
    if row.name in descriptors.CONNECTS:
        return truth(within(RET, (0, 0), (-_EINPROGRESS, -_EINPROGRESS)))
    if row.name in descriptors.SENDS:
        addressed = descriptors.SENDS[row.name]
        return Cases(((addressed, Otherwise()), (negate(addressed), False)))
    return None if row.want & record.WANT_MESSAGES else constant(False)


FACTS: Final[dict[str, Describe]] = {
    "evt.type": _always(lambda row: row.name),
    "evt.type.is": lambda row, arg: constant(int(row.name == arg)),
    "syscall.type": _always(lambda row: None if row.name == EXIT else row.name),
    "evt.dir": _always(lambda row: ">" if row.name == EXIT else "<"),
    "evt.is_io": _always(lambda row: row.io is not None),
    "evt.is_io_read": _always(lambda row: row.io == "read"),
    "evt.is_io_write": _always(lambda row: row.io == "write"),
    "evt.io_dir": _always(lambda row: row.io),
    "evt.rawres": _raw_result,
    "evt.res": _result,
    "evt.failed": _failed,
    "evt.buflen": _length,
    "evt.is_open_read": arguments.opened_to(0),
    "evt.is_open_write": arguments.opened_to(1),
    "evt.is_open_create": arguments.made,
    "evt.is_open_exec": arguments.made_executable,
    "evt.arg": arguments.parameter,
    "evt.rawarg": arguments.raw,
    "fd.num": descriptors.descriptor,
    "fd.type": descriptors.of_kind(lambda kind: kind, lambda _: None),
    "fd.typechar": descriptors.of_kind(lambda kind: CHARS.get(kind, "o"), char_without_file),
    "fd.sockfamily": descriptors.socket_family,
    "fd.l4proto": descriptors.l4proto,
    "fd.name": descriptors.of_file("name", rooted=True),
    "fd.directory": descriptors.of_file("directory", rooted=True),
    "fd.filename": descriptors.of_file("filename", rooted=False),
    "fd.nameraw": descriptors.raw_name,
    **{
        f"fs.path.{what}{'raw' * raw}": paths.path(table, raw=raw)
        for what, table in (("name", NAMES), ("source", SOURCES), ("target", TARGETS))
        for raw in (False, True)
    },
    "evt.abspath": paths.of_at_call,
    "fd.name_changed": _name_changed,
    "fd.connected": descriptors.connected,
    **{f"fd.name.{which}": descriptors.other_name(which) for which in layout.FILE_NAMES},
    **{
        f"fd.{letter}{what}": descriptors.address(letter)
        for letter in ("c", "s", "l", "r", "")
        for what in ("ip", "net")
    },
    **{f"fd.{letter}port": descriptors.port(letter) for letter in ("c", "s", "l", "r", "")},
    "user.uid": _number("uid"),
    "group.gid": _number("gid"),
    "user.gid": _number("gid"),
    "user.loginuid": processes.login_uid,
    "proc.pid": _number("pid"),
    "proc.ppid": processes.parent_id,
    "proc.vpid": lambda _, __: Numeric(layout.header("vpid", 4, point=Point.MEMORY)),
    "thread.vtid": lambda _, __: Numeric(layout.header("vtid", 4, point=Point.MEMORY)),
    **processes.FIELDS,
    "proc.duration": processes.duration,
    "proc.env": environment.own,
    "proc.aenv": environment.of_ancestor,
    "proc.tty": lambda _, __: Numeric(processes.TTY),
    "proc.is_exe_writable": processes.executable(record.EXE_WRITABLE),
    "proc.is_exe_upper_layer": processes.executable(record.EXE_UPPER_LAYER),
    "proc.is_exe_lower_layer": processes.executable(record.EXE_LOWER_LAYER),
    "proc.is_exe_from_memfd": processes.executable(record.EXE_FROM_MEMFD),
    "thread.tid": _number("tid"),
    "proc.tid": _number("tid"),
    "thread.cap_effective": lambda _, __: Flags(layout.header("caps", 8), processes.CAPABILITY_NAMES, " "),
    "thread.cap_permitted": processes.permitted,
    **containers.FIELDS,
}

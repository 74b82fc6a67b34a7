"""Why the kernel leaves what a rule asks to the engine, for people: ``falcohost rules explain``."""

from __future__ import annotations

from typing import Final

from falcohost.ir import Check, Exists, FieldRef
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts import table
from falcohost_syscall.records.record import WANT_MESSAGES

_WORKING: Final = "working directories are kept outside the kernel's programs"
_GROUPS: Final = "groups and sessions of processes are kept outside the kernel's programs"
_HOSTS: Final = "names of hosts are asked of DNS"
_BYTES: Final = "bytes that were read or written are looked at once an event is passed on"

_WHY: Final = {
    "proc.cwd": _WORKING,
    **{f"fd.{letter}ip.name": _HOSTS for letter in "cslr"},
    "evt.buffer": _BYTES,
    **{f"proc.{which}": _GROUPS for which in ("sid", "pgid", "vpgid", "sname")},
    **{f"proc.is_{which}_leader": _GROUPS for which in ("sid", "pgid", "vpgid")},
}


def why(check: Check | Exists, row: Call) -> str | None:
    """Return why a check of events of *row* is undecided; None: its field is not among what the kernel knows."""
    if not isinstance(check.left, FieldRef):
        return "it is made of a field"
    if row.want & WANT_MESSAGES:
        return "one call is several events"
    name = check.left.field.name
    if name in table.FACTS and isinstance(check, Check) and "\\" in str(check.right):
        return "a backslash may stand for a byte that is not UTF-8"
    return _WHY.get(name)

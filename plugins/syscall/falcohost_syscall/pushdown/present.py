"""Finds out what is collected only of events that pass the filters: the state of the process, and further parameters.

It is chosen for each event type by the fields that rules read from its events, so that other events cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from falcohost import Plan
from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.fields.field import Need
from falcohost_syscall.fields.rows import BY_FIELD_NAME
from falcohost_syscall.parameters import values
from falcohost_syscall.records import record

_OF_NEEDS: Final = {
    Need.RESOURCES: record.ASKS_RESOURCES,
    Need.STREAMS: record.ASKS_STREAMS,
    Need.FD_TYPES: record.ASKS_FD_TYPES,
    Need.POLLED: record.ASKS_VALUES | record.ASKS_POLLED,
}
#: The sources of parameters that are the process's resources.
_RESOURCES: Final = frozenset({"fdlimit", "major", "minor", "pages", "resident", "swapped"})
#: And the calls that poll.
_POLLS: Final = frozenset({"poll", "ppoll"})


def present(plan: Plan, row: Call) -> int:
    """Return what rules ask of events of *row* (``ASKS_…``)."""
    bits = 0
    for name, arg in plan.asked_of(row.name):
        field = BY_FIELD_NAME.get(name)
        if field is None:
            continue
        for need in field.needs & _OF_NEEDS.keys():
            # Of one descriptor, the first three are told; others are looked up in /proc.
            bits |= _OF_NEEDS[Need.STREAMS if need is Need.FD_TYPES and arg is not None else need]
        if Need.PARAMETERS in field.needs and not (arg is None and field.arg_required):
            for param in _named(row, arg):
                bits |= _of_parameter(row, param)
    return bits if row.name in _POLLS else bits & ~record.ASKS_POLLED & ~(0 if row.values else record.ASKS_VALUES)


def _named(row: Call, arg: str | None) -> Iterator[Param]:
    if arg is None:
        yield from row.params
    elif (param := values.find(row, int(arg) if arg.isdecimal() else arg)) is not None:
        yield param


def _of_parameter(row: Call, param: Param) -> int:
    if param.source in _RESOURCES:
        return record.ASKS_RESOURCES
    if param.source == "fds":
        return record.ASKS_VALUES | record.ASKS_POLLED
    return record.ASKS_VALUES if row.values and not param.source.isdigit() else 0

"""What the fields that rules read need collected, and which calls keep that true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from falcohost import Plan
from falcohost_syscall.calls.rows import BY_NAME, EXEC, FORKS, Call
from falcohost_syscall.fields.field import Need
from falcohost_syscall.fields.rows import BY_FIELD_NAME
from falcohost_syscall.parameters import values

#: Calls without which a table that is told of all processes would not say what is needed.
_KEEPS_TRUE: Final = {
    Need.SESSIONS: frozenset({"setsid", "setpgid"}),
    Need.DIRECTORIES: frozenset({"chdir", "fchdir"}),
}
#: By what a parameter of an exec or a fork is read from: what it needs.
_PARAMETERS: Final = {"cwd": Need.DIRECTORIES, "env": Need.ENVIRONMENTS}


def needs(plan: Plan) -> frozenset[Need]:
    """Return what the fields of *plan* need."""
    found = {need for name in plan.fields if name in BY_FIELD_NAME for need in BY_FIELD_NAME[name].needs}
    if Need.PARAMETERS in found:
        found |= {need for name in (EXEC, *FORKS) for need in _of_parameters(BY_NAME[name], plan.asked_of(name))}
    return frozenset(found)


def table_calls(needed: frozenset[Need]) -> frozenset[str]:
    """Return the event types without which a table that is told of all processes would not say what is *needed*."""
    return frozenset[str]().union(*(_KEEPS_TRUE.get(need, ()) for need in needed))


def _of_parameters(row: Call, asked: Iterable[tuple[str, str | None]]) -> Iterator[Need]:
    """Yield what is needed by those parameters that are asked of events of *row*."""
    for name, arg in asked:
        field = BY_FIELD_NAME.get(name)
        if field is None or Need.PARAMETERS not in field.needs or (arg is None and field.arg_required):
            continue
        named = row.params if arg is None else (values.find(row, int(arg) if arg.isdecimal() else arg),)
        yield from (_PARAMETERS[param.source] for param in named if param is not None and param.source in _PARAMETERS)

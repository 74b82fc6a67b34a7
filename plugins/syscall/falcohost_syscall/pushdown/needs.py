"""Finds out what has to be collected for the fields that rules read, and which calls keep it up to date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from falcohost import Plan
from falcohost.ir import Check, FieldRef, ListOf, Transform, checks
from falcohost_syscall.calls.rows import BY_NAME, EXEC, FORKS, Call
from falcohost_syscall.fields.field import Need
from falcohost_syscall.fields.rows import BY_FIELD_NAME
from falcohost_syscall.parameters import values

#: The calls that change what a process table holds, where the table is fed with all processes.
_KEEPS_TRUE: Final = {
    Need.SESSIONS: frozenset({"setsid", "setpgid"}),
    Need.DIRECTORIES: frozenset({"chdir", "fchdir"}),
}
#: What a parameter of an exec or a fork needs, by where its value comes from.
_PARAMETERS: Final = {"cwd": Need.DIRECTORIES, "env": Need.ENVIRONMENTS}


def needs(plan: Plan) -> frozenset[Need]:
    """Return what the fields of *plan* need."""
    found = {need for name in plan.fields if name in BY_FIELD_NAME for need in BY_FIELD_NAME[name].needs}
    if Need.PARAMETERS in found:
        found |= {need for name in (EXEC, *FORKS) for need in _of_parameters(BY_NAME[name], plan.asked_of(name))}
    return frozenset(found)


def in_conditions(plan: Plan) -> frozenset[Need]:
    """Return what those fields need that the conditions of *plan* read."""
    if plan.condition is None:
        return needs(plan)
    refs = [*plan.also_read]
    for check in checks(plan.condition):
        refs += _refs(check.left)
        if isinstance(check, Check):
            refs += _refs(check.right)
    names = {ref.field.name for ref in refs}
    return frozenset(need for name in names & BY_FIELD_NAME.keys() for need in BY_FIELD_NAME[name].needs)


def _refs(operand: object) -> Iterator[FieldRef]:
    if isinstance(operand, FieldRef):
        yield operand
    elif isinstance(operand, (Transform, ListOf)):
        for item in operand.args if isinstance(operand, Transform) else operand.items:
            yield from _refs(item)


def table_calls(needed: frozenset[Need]) -> frozenset[str]:
    """Return the event types that a process table fed with all processes has to see to provide what is *needed*."""
    return frozenset[str]().union(*(_KEEPS_TRUE.get(need, ()) for need in needed))


def _of_parameters(row: Call, asked: Iterable[tuple[str, str | None]]) -> Iterator[Need]:
    """Yield the needs of those parameters that rules ask for in events of *row*."""
    for name, arg in asked:
        field = BY_FIELD_NAME.get(name)
        if field is None or Need.PARAMETERS not in field.needs or (arg is None and field.arg_required):
            continue
        named = row.params if arg is None else (values.find(row, int(arg) if arg.isdecimal() else arg),)
        yield from (_PARAMETERS[param.source] for param in named if param is not None and param.source in _PARAMETERS)

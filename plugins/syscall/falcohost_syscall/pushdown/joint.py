"""Joins the conditions of event types that rules ask nearly the same of: one filter then serves all of them.

The kernel takes as long to check the filter of open(2) as that of openat(2), and the two differ in a few places, since
arguments do. A joint condition asks there which event type it is. Of an event type it says what that one's own says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from falcohost import Plan
from falcohost.ir import And, Check, Exists, Or, specialise
from falcohost_syscall.calls.rows import BY_NAME, Call
from falcohost_syscall.facts.bounds import Bounds, exactly
from falcohost_syscall.facts.layout import header
from falcohost_syscall.filters.condition import (
    FALSE,
    TRUE,
    Condition,
    Literal,
    Point,
    Text,
    View,
    all_of,
    any_of,
    literals,
    where,
    within,
)
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import Decide, Known, decide
from falcohost_syscall.pushdown.necessary import necessary

#: Calls that do the same, so that the same rules ask for them. Those that programs make all the time are apart: what is
#: asked for other calls' sake takes 35 ns of each open.
FAMILIES: Final = (
    ("open", "openat"),
    ("openat2", "creat", "open_by_handle_at"),
    ("rename", "renameat", "renameat2"),
    ("link", "linkat"),
    ("chmod", "fchmod", "fchmodat", "fchmodat2"),
    ("unlink", "unlinkat", "rmdir"),
)
#: What an event's type is in the record.
_TYPE: Final = header("call", 2)
#: A joint condition with more tests than this share of what it stands for is none.
_WORTH: Final = 0.75
_DECIDED: Final = {And(()): exactly(TRUE), Or(()): exactly(FALSE)}


class Joint(msgspec.Struct, frozen=True):
    """The condition of several event types, by their names."""

    names: list[str]
    condition: Condition


def joint(plan: Plan, users: Users, needed: Mapping[str, Condition]) -> list[Joint]:
    """Return the conditions of families that are worth it, of event types with *needed* conditions of their own."""
    if plan.condition is None:
        return []
    known: Known = {}
    found = []
    for family in FAMILIES:
        names = [name for name in family if needed.get(name, FALSE) != FALSE]
        alone = sum(map(_size, {needed[name] for name in names}))
        if len({needed[name] for name in names}) > 1:
            condition = necessary(plan.condition, _decide([BY_NAME[name] for name in names], users, known))
            if _size(condition) <= _WORTH * alone:
                found.append(Joint(names, condition))
    return found


def together(conditions: Mapping[str, Condition], found: Iterable[Joint]) -> dict[str, Condition]:
    """Return *conditions* with joint ones in place of those that these are worth more than."""
    return {**conditions, **{name: one.condition for one in found for name in one.names}}


def own(condition: Condition, name: str) -> Condition:
    """Return what *condition*, which may be that of several event types, says of one of them."""
    row = BY_NAME[name].call
    return where(condition, _TYPE, row, row)


def _size(condition: Condition) -> int:
    return sum(1 for _ in literals(condition))


def _decide(rows: Sequence[Call], users: Users, known: Known) -> Decide:
    """Return a function that gives the bounds of a check for events of all these *rows*."""
    each = [decide(row, users, known) for row in rows]
    found: dict[int, tuple[Check | Exists, Bounds]] = {}

    def bounds(check: Check | Exists) -> Bounds:
        if id(check) not in found:
            found[id(check)] = check, _joined(rows, [_of(check, row, one) for row, one in zip(rows, each, strict=True)])
        return found[id(check)][1]

    return bounds


def _of(check: Check | Exists, row: Call, decided: Decide) -> Bounds:
    special = specialise(check, row.name)
    if isinstance(special, (Check, Exists)):
        return decided(special)
    return _DECIDED[special]


def _joined(rows: Iterable[Call], each: Sequence[Bounds]) -> Bounds:
    """Return bounds that are, for an event of one of *rows*, those in its place in *each*."""
    types: dict[Bounds, list[int]] = {}
    for row, one in zip(rows, _as_late(each), strict=True):
        types.setdefault(one, []).append(row.call)
    if len(types) == 1:
        return next(iter(types))
    said = [(within(_TYPE, *((call, call) for call in sorted(calls))), one) for one, calls in types.items()]
    return Bounds(
        any_of(all_of((of_type, one.over)) for of_type, one in said),
        any_of(all_of((of_type, one.under)) for of_type, one in said),
    )


def _as_late(each: Sequence[Bounds]) -> list[Bounds]:
    """Have each text be expected as long as it is for any of *each*: it may be known before, but not behind that."""
    latest: dict[int, Point] = {}
    for one in each:
        for literal in (*literals(one.over), *literals(one.under)):
            if isinstance(literal.test, Text):
                view = literal.test.view
                latest[view.offset] = max(view.late, latest.get(view.offset, view.late))
    return [Bounds(_expecting(one.over, latest), _expecting(one.under, latest)) for one in each]


def _expecting(condition: Condition, latest: Mapping[int, Point]) -> Condition:
    if not isinstance(condition, Literal):
        return type(condition)(tuple(_expecting(item, latest) for item in condition.items))
    test = condition.test
    if not isinstance(test, Text) or latest[test.view.offset] == test.view.late:
        return condition
    view: View = replace(test.view, late=latest[test.view.offset])
    return replace(condition, test=replace(test, view=view))

"""What the kernel knows of ``fs.path.*`` and ``evt.abspath``: names of files that are opened, and paths of calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from falcohost import Arg
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts import descriptors
from falcohost_syscall.facts.descriptors import RET
from falcohost_syscall.facts.kinds import Describe, Either, Fact, Untold, constant
from falcohost_syscall.facts.textual import Textual
from falcohost_syscall.fields import path as fields_path
from falcohost_syscall.fields.open import AT_CALLS, TWO_PATHS
from falcohost_syscall.fields.path import OPENS, Read, Table
from falcohost_syscall.filters import layout
from falcohost_syscall.filters.condition import (
    Bits,
    Condition,
    Literal,
    Point,
    Text,
    View,
    all_of,
    any_of,
    negate,
    within,
)
from falcohost_syscall.records import record

#: By what user space reads: the text in the kernel that says the same.
_PASSED: Final[dict[Read, Callable[[Call], View]]] = {
    fields_path.raw: descriptors.passed_view,
    fields_path.raw2: lambda _: layout.view("path2", Point.MEMORY),
    fields_path.string: lambda _: layout.view("str", Point.MEMORY),
}

_OTHER_NAME: Final = replace(layout.header("flags", 1, point=Point.MEMORY), mask=record.FLAG_OTHER_NAME)


def _whole(name: str, led_to: int) -> Fact:
    """Describe a path made whole: what it led to, where that is known, else as passed if there is nothing to change."""
    view = layout.view(name, Point.MEMORY)
    known = Literal(Bits(layout.fact("led_to", 1, Point.MEMORY), led_to))
    as_passed = (
        within(_OTHER_NAME, (0, 0)),
        Literal(Text(view, "startswith", frozenset({b"/"}))),
        Literal(Text(view, "contains", frozenset({b"//", b"/."})), negated=True),
        Literal(Text(view, "endswith", frozenset({b"/"})), negated=True),
    )
    return Either(any_of((known, all_of(as_passed))), Textual(view, rooted=True), Untold())


#: By what user space reads: what the kernel knows of the same.
_WHOLE: Final[dict[Read, Fact]] = {
    fields_path.first: _whole("seen", layout.LED_TO),
    fields_path.second: _whole("seen2", layout.LED_TO2),
}


def path(table: Table, *, raw: bool) -> Describe:
    """Describe a path of *table*, made whole or as it was passed."""

    def describe(row: Call, _: Arg) -> Fact | None:
        if row.name not in table:
            return constant(None)
        read = table[row.name][raw]
        if read is fields_path.opened:
            name = Textual(descriptors.name_view("name", row), _worked(row), rooted=True)
            return Either(descriptors.IS_NAMED, name, Untold())
        if read is fields_path.of_descriptor:
            name = Textual(descriptors.name_view("name", row), _worked(row), rooted=True)
            return Either(descriptors.IS_FILE, name, Either(_worked(row), Untold(), constant(None)))
        if read in _PASSED:
            return Textual(_PASSED[read](row), _worked(row))
        return Either(_worked(row), _WHOLE[read], constant(None)) if read in _WHOLE else None

    return describe


def of_at_call(row: Call, arg: Arg) -> Fact | None:
    """Describe ``evt.abspath``."""
    if row.name == "open_by_handle_at":
        return Either(within(RET, (1, RET.highest)), Textual(layout.file_name("real")), constant(None))
    if row.name not in AT_CALLS:
        return constant(None)
    if row.opens:
        return Textual(layout.file_name("requested"), rooted=True)
    return _WHOLE[fields_path.second if arg == "dst" and row.name in TWO_PATHS else fields_path.first]


def _worked(row: Call) -> Condition:
    return negate(within(RET, (-1, -1))) if row.name in OPENS else within(RET, (0, 0))

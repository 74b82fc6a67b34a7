"""Facts about ``fs.path.*`` and ``evt.abspath``: the names of opened files, and the paths that calls were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec.structs import replace

from falcohost import Arg
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts import descriptors, layout
from falcohost_syscall.facts.header import RET
from falcohost_syscall.facts.kinds import Either, Fact, Untold, constant
from falcohost_syscall.facts.textual import Textual
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
from falcohost_syscall.parameters.paths import AT_CALLS, OPENS, TWO_PATHS
from falcohost_syscall.records import record

#: Describes a path of a call that succeeded.
OfPath: TypeAlias = Callable[[Call], Fact]

_OTHER_NAME: Final = replace(layout.header("flags", 1, point=Point.MEMORY), mask=record.FLAG_OTHER_NAME)


def _made_whole(name: str, led_to: int) -> Fact:
    """Describe a full path: the file that it led to if that is known, else the path as passed if it needs no change."""
    view = layout.view(name, Point.MEMORY)
    known = Literal(Bits(layout.fact("led_to", 1, Point.MEMORY), led_to))
    as_passed = (
        within(_OTHER_NAME, (0, 0)),
        Literal(Text(view, "startswith", frozenset({b"/"}))),
        Literal(Text(view, "contains", frozenset({b"//", b"/."})), negated=True),
        Literal(Text(view, "endswith", frozenset({b"/"})), negated=True),
    )
    return Either(any_of((known, all_of(as_passed))), Textual(view, rooted=True), Untold())


_FIRST: Final = _made_whole("seen", record.LED_TO)
_SECOND: Final = _made_whole("seen2", record.LED_TO2)


def first(row: Call) -> Fact:
    """Describe the first path in full."""
    return Either(_worked(row), _FIRST, constant(None))


def second(row: Call) -> Fact:
    """Describe the second path in full."""
    return Either(_worked(row), _SECOND, constant(None))


def passed(row: Call) -> Fact:
    """Describe the first path as passed."""
    return _as_passed(row, descriptors.passed_view(row))


def passed2(row: Call) -> Fact:
    """Describe the second path as passed."""
    return _as_passed(row, layout.view("path2", Point.MEMORY))


def string(row: Call) -> Fact:
    """Describe the additional text argument."""
    return _as_passed(row, layout.view("str", Point.MEMORY))


def opened(row: Call) -> Fact:
    """Describe the name of the file that was opened, or should have been."""
    return Either(descriptors.IS_NAMED, _name_of_file(row), Untold())


def of_descriptor(row: Call) -> Fact:
    """Describe the name of the descriptor's file."""
    return Either(descriptors.IS_FILE, _name_of_file(row), Either(_worked(row), Untold(), constant(None)))


def of_at_call(row: Call, arg: Arg) -> Fact | None:
    """Describe ``evt.abspath``."""
    if row.name == "open_by_handle_at":
        return Either(within(RET, (1, RET.highest)), Textual(layout.file_name("real")), constant(None))
    if row.name not in AT_CALLS:
        return constant(None)
    if row.opens:
        return Textual(layout.file_name("requested"), rooted=True)
    return _SECOND if arg == "dst" and row.name in TWO_PATHS else _FIRST


def _as_passed(row: Call, view: View) -> Fact:
    return Textual(view, _worked(row))


def _name_of_file(row: Call) -> Fact:
    return Textual(descriptors.name_view("name", row), _worked(row), rooted=True)


def _worked(row: Call) -> Condition:
    return negate(within(RET, (-1, -1))) if row.name in OPENS else within(RET, (0, 0))

"""What the kernel knows of the process of an event, of its parent and its ancestors, and which filters ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from falcohost.engine.ir import Check, Exists
from falcohost.fields import Arg
from falcohost_syscall import records
from falcohost_syscall.calls import Call
from falcohost_syscall.pushdown import layout
from falcohost_syscall.pushdown.bounds import Bounds
from falcohost_syscall.pushdown.condition import (
    Bits,
    Condition,
    Literal,
    Number,
    Point,
    Text,
    Within,
    any_of,
    literals,
    within,
)
from falcohost_syscall.pushdown.kinds import Describe, Either, Fact, Numeric, constant, truth
from falcohost_syscall.pushdown.textual import Textual

_LINEAGE: Final = layout.fact("lineage", 1, Point.PROCESS, unknown=0)
_LONGER: Final = within(_LINEAGE, (layout.LINEAGE_LONGER, layout.LINEAGE_LONGER))
_FLAGS: Final = layout.fact("exe_flags", 4, Point.PROCESS, unknown=layout.UNKNOWN_NUMBER)
_LOGINUID: Final = layout.header("loginuid", 4)
_PPID: Final = layout.header("ppid", 4, point=Point.MEMORY)

TTY: Final = layout.fact("tty", 4, Point.PROCESS, unknown=layout.UNKNOWN_NUMBER)


@dataclass(frozen=True, slots=True)
class AnyName:
    """The names of all ancestors, of which the nearest are known; a check holds if it does for any."""

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        known = [Textual(layout.process_name(n)).bounds(check) for n in range(1, layout.GENERATIONS)]
        over = any_of((*(bounds.over for bounds in known), _LONGER))
        return Bounds(over, any_of(bounds.under for bounds in known))


def text(name: str, generation: int) -> Describe:
    """Describe a text of the process (0) or its parent (1)."""
    return lambda _, arg: Textual(layout.process_text(name, generation)) if arg is None else None


def name(generation: int) -> Describe:
    """Describe the name of the process (0) or its parent (1)."""
    return lambda _, __: Textual(layout.process_name(generation))


def ancestor_name(_: Call, arg: Arg) -> Fact | None:
    """Describe the name of an ancestor by its number, or of any."""
    if arg is None:
        return AnyName()
    return Textual(layout.process_name(arg)) if isinstance(arg, int) and arg < layout.GENERATIONS else None


def ancestor_text(name: str) -> Describe:
    """Describe a text of the process itself ([0]) or its parent ([1]) in a field of ancestors."""
    return lambda _, arg: Textual(layout.process_text(name, arg)) if arg in (0, 1) and arg is not None else None


def executable(flag: int) -> Describe:
    """Describe whether the executable has a flag."""
    return lambda _, __: truth(Literal(Bits(_FLAGS, flag)))


def parent_id(_: Call, __: Arg) -> Fact:
    """Describe the parent's number; the first process has no parent."""
    return Numeric(_PPID, within(_PPID, (1, _PPID.highest)))


def login_uid(_: Call, __: Arg) -> Fact:
    """Describe who logged in; -1 where nobody did."""
    unset = within(_LOGINUID, (_LOGINUID.highest, _LOGINUID.highest))
    return Either(unset, constant(-1), Numeric(_LOGINUID))


def about(condition: Condition) -> int:
    """Return which facts about processes (``records.ABOUT_…``) the probe has to gather for *condition*."""
    wanted = 0
    for literal in literals(condition):
        test = literal.test
        if isinstance(test, Text) and test.view.point is Point.PROCESS:
            wanted |= _about_view((test.view.offset - layout.process_name(0).offset) // 4)
        elif isinstance(test, (Within, Bits)):
            wanted |= _about_number(test.number)
    return wanted


def _about_view(index: int) -> int:
    if index < layout.GENERATIONS:
        return {0: records.ABOUT_SELF, 1: records.ABOUT_PARENT}.get(index, records.ABOUT_ANCESTORS)
    own = index < layout.GENERATIONS + len(layout.PROCESS_TEXTS)
    return records.ABOUT_SELF_TEXTS if own else records.ABOUT_PARENT_TEXTS


def _about_number(number: Number) -> int:
    if number.point is not Point.PROCESS:
        return 0
    return records.ABOUT_ANCESTORS if number == _LINEAGE else records.ABOUT_SELF

"""What the kernel knows of the process of an event, of its parent and its ancestors, and which filters ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from falcohost import Arg
from falcohost.ir import Check, Exists
from falcohost_syscall.calls import flags
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts.kinds import (
    Describe,
    Either,
    Fact,
    Flags,
    MaybeAbsent,
    Numeric,
    OneOf,
    constant,
    truth,
)
from falcohost_syscall.facts.textual import Textual
from falcohost_syscall.filters import layout
from falcohost_syscall.filters.bounds import Bounds
from falcohost_syscall.filters.condition import (
    Address,
    Bits,
    Condition,
    Literal,
    Point,
    Test,
    Text,
    any_of,
    literals,
    within,
)
from falcohost_syscall.records import record

#: Each capability's name, and its bit.
CAPABILITY_NAMES: Final = tuple((name, 1 << bit) for bit, name in enumerate(flags.CAPABILITIES))
_LINEAGE: Final = layout.fact("lineage", 1, Point.ANCESTORS, unknown=0)
_LONGER: Final = within(_LINEAGE, (layout.LINEAGE_LONGER, layout.LINEAGE_LONGER))
_FLAGS: Final = layout.fact("exe_flags", 4, Point.PROCESS, unknown=layout.UNKNOWN_NUMBER)
_LOGINUID: Final = layout.header("loginuid", 4)
_PPID: Final = layout.header("ppid", 4, point=Point.MEMORY)

_DURATION: Final = replace(
    layout.header("ts", 8, signed=True, point=Point.MEMORY), minus=layout.RECORD + layout.HEADER["start"]
)
_CAPS: Final = layout.fact("caps_permitted", 8, Point.PROCESS, unknown=layout.UNKNOWN_BITS)

TTY: Final = layout.fact("tty", 4, Point.PROCESS, unknown=layout.UNKNOWN_NUMBER)


@dataclass(frozen=True, slots=True)
class AnyAncestor:
    """A field that all ancestors have, of which the *nearest* are known; a check holds if it does for any."""

    nearest: tuple[Fact, ...]

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        known = [fact.bounds(check) for fact in self.nearest]
        over = any_of((*(bounds.over for bounds in known), _LONGER))
        return Bounds(over, any_of(bounds.under for bounds in known))


def _name(generation: int) -> Fact:
    return Textual(layout.process_name(generation))


def _number(generation: int) -> Fact:
    number = layout.process_id(generation)
    return Numeric(number, within(number, (1, number.highest - 1)))


def _text(name: str) -> Callable[[int], Fact]:
    return lambda generation: Textual(layout.process_text(name, generation))


def _of(fact: Callable[[int], Fact], generation: int) -> Describe:
    """Describe what the process itself (0) or its parent (1) has, without an argument."""
    return lambda _, arg: fact(generation) if arg is None else None


def _of_ancestor(fact: Callable[[int], Fact]) -> Describe:
    """Describe what an ancestor has, by its number (0: the process itself), or without a number any."""

    def describe(_: Call, arg: Arg) -> Fact | None:
        if arg is None:
            return AnyAncestor(tuple(map(fact, range(1, layout.GENERATIONS))))
        return fact(arg) if isinstance(arg, int) and arg < layout.GENERATIONS else None

    return describe


def _one_of_arguments(row: Call, arg: Arg) -> Fact | None:
    """Describe the arguments of one ancestor; those of all together are one text, which is not told."""
    return None if arg is None else _of_ancestor(_text("args"))(row, arg)


#: Names, numbers and texts of the process, its parent and its ancestors.
FIELDS: Final[dict[str, Describe]] = {
    "proc.name": _of(_name, 0),
    "proc.pname": _of(_name, 1),
    "proc.aname": _of_ancestor(_name),
    "proc.apid": _of_ancestor(_number),
    **{f"proc.{name}": _of(_text(name), 0) for name in layout.PROCESS_TEXTS},
    **{f"proc.p{name}": _of(_text(name), 1) for name in ("exepath", "exe", "cmdline")},
    **{f"proc.a{name}": _of_ancestor(_text(name)) for name in ("exepath", "exe", "cmdline")},
    "proc.aargs": _one_of_arguments,
}


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


def duration(_: Call, __: Arg) -> Fact:
    """Describe the time since the process was made."""
    return Numeric(_DURATION, least=0)


def permitted(_: Call, __: Arg) -> Fact:
    """Describe the capabilities that it got by its exec; of a process that was looked up in /proc there are none."""
    return MaybeAbsent(Flags(_CAPS, CAPABILITY_NAMES, " "))


#: Whether the init of its container may use every capability: said by the kernel, or not known.
UNCONFINED: Final = Either(
    Literal(Bits(_FLAGS, layout.UNCONFINED)), constant(True), OneOf((constant(False), constant(None)))
)


#: What is gathered with names, and with texts: of how many generations it has to be.
_WITH_NAMES: Final[dict[object, int]] = {
    **{layout.process_name(n): n + 1 for n in range(layout.GENERATIONS)},
    **{layout.process_id(n): n + 1 for n in range(layout.GENERATIONS)},
    TTY: 1,
    _FLAGS: 1,
    _CAPS: 1,
    _LINEAGE: layout.GENERATIONS + 1,
}
_WITH_TEXTS: Final[dict[object, int]] = {
    layout.process_text(name, n): n + 1 for name in layout.PROCESS_TEXTS for n in range(layout.GENERATIONS)
}


def about(condition: Condition) -> int:
    """Return what the probe has to gather of processes for *condition*: ``call_spec.about``."""
    asked = [_subject(literal.test) for literal in literals(condition)]
    names = max((_WITH_NAMES.get(subject, 0) for subject in asked), default=0)
    texts = max((_WITH_TEXTS.get(subject, 0) for subject in asked), default=0)
    return names | texts << record.ABOUT_TEXTS_AT


_ASKED: Final = {layout.file_name("requested"): layout.ASKS_REQUESTED, layout.environment(): layout.ASKS_ENVIRONMENT}


def asks(condition: Condition) -> int:
    """Return what the probe tells for *condition* that it tells only then: ``call_spec.asks``."""
    tests = (literal.test for literal in literals(condition))
    found = {test.view for test in tests if isinstance(test, Text)}
    return sum(bit for view, bit in _ASKED.items() if view in found)


def _subject(test: Test) -> object:
    if isinstance(test, Text):
        return test.view
    return None if isinstance(test, Address) else test.number

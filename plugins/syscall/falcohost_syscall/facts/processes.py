"""Facts about the event's process and its ancestors, and what the probe has to gather for filters that use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from falcohost import Arg
from falcohost.ir import Check, Exists
from falcohost_syscall.calls import flags
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.accounts import LOGINUID
from falcohost_syscall.facts.bounds import Bounds
from falcohost_syscall.facts.kinds import (
    Describe,
    Either,
    Fact,
    MaybeAbsent,
    OneOf,
    always,
    constant,
    truth,
)
from falcohost_syscall.facts.numbers import BitNames, Numeric
from falcohost_syscall.facts.textual import Textual
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

#: Each capability's name and bit.
_CAPABILITIES: Final = tuple((name, 1 << bit) for bit, name in enumerate(flags.CAPABILITIES))
#: Describes something of the process itself (0), its parent (1), and so on.
OfGeneration: TypeAlias = Callable[[int], Fact]

_LINEAGE: Final = layout.fact("lineage", 1, Point.ANCESTORS, unknown=0)
_LONGER: Final = within(_LINEAGE, (record.LINEAGE_LONGER, record.LINEAGE_LONGER))
_FLAGS: Final = layout.fact("exe_flags", 4, Point.PROCESS, unknown=record.UNKNOWN_NUMBER)
_PPID: Final = layout.header("ppid", 4, point=Point.MEMORY)

_DURATION: Final = replace(
    layout.header("ts", 8, signed=True, point=Point.MEMORY), minus=layout.RECORD + layout.HEADER["start"]
)
_CAPS: Final = layout.fact("caps_permitted", 8, Point.PROCESS, unknown=record.UNKNOWN_BITS)
_TTY: Final = layout.fact("tty", 4, Point.PROCESS, unknown=record.UNKNOWN_NUMBER)


class AnyAncestor(Struct, frozen=True):
    """A field of all ancestors, of which the *nearest* are known; a check holds if it does for any of them."""

    nearest: tuple[Fact, ...]

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        known = [fact.bounds(check) for fact in self.nearest]
        over = any_of((*(bounds.over for bounds in known), _LONGER))
        return Bounds(over, any_of(bounds.under for bounds in known))


def name(generation: int) -> Fact:
    """Describe the name of a process."""
    return Textual(layout.process_name(generation))


def number(generation: int) -> Fact:
    """Describe the pid of a process."""
    found = layout.process_id(generation)
    return Numeric(found, within(found, (1, found.highest - 1)))


def text(name: str) -> OfGeneration:
    """Return a function that describes a text of a process."""
    return lambda generation: Textual(layout.process_text(name, generation))


def of(fact: OfGeneration, generation: int) -> Describe:
    """Describe something of the process itself (0) or its parent (1); the field takes no argument."""
    return lambda _, arg: fact(generation) if arg is None else None


def of_ancestor(fact: OfGeneration) -> Describe:
    """Describe something of the ancestor whose number is given (0: the process itself), or of any ancestor."""

    def describe(_: Call, arg: Arg) -> Fact | None:
        if arg is None:
            return AnyAncestor(tuple(map(fact, range(1, layout.GENERATIONS))))
        return fact(arg) if isinstance(arg, int) and arg < layout.GENERATIONS else None

    return describe


def one_of_arguments(_: Call, arg: Arg) -> Fact | None:
    """Describe the arguments of one ancestor; those of all ancestors together are not known as one text."""
    return text("args")(arg) if isinstance(arg, int) and arg < layout.GENERATIONS else None


def executable(flag: int) -> Describe:
    """Describe whether the executable has a flag."""
    return always(truth(Literal(Bits(_FLAGS, flag))))


#: Whether the executable is in a tmpfs; not known of processes that were looked up.
from_tmpfs: Final = always(
    Either(
        Literal(Bits(_FLAGS, record.EXE_FROM_TMPFS)),
        constant(True),
        Either(Literal(Bits(_FLAGS, record.EXE_PLACE_KNOWN)), constant(False), constant(None)),
    )
)
#: The first process has no parent.
parent_id: Final = always(Numeric(_PPID, within(_PPID, (1, _PPID.highest))))
#: -1 where nobody logged in.
login_uid: Final = always(
    Either(within(LOGINUID, (LOGINUID.highest, LOGINUID.highest)), constant(-1), Numeric(LOGINUID))
)
#: Time since the process was created.
duration: Final = always(Numeric(_DURATION, least=0))
#: Device number of the terminal.
terminal: Final = always(Numeric(_TTY))
#: Capabilities in effect.
effective: Final = always(BitNames(layout.header("caps", 8), _CAPABILITIES, " "))
#: Capabilities from its last exec; a process that was looked up in /proc has none.
permitted: Final = always(MaybeAbsent(BitNames(_CAPS, _CAPABILITIES, " ")))


#: Whether the init of its container may have every capability: the kernel says yes, or it is not known.
UNCONFINED: Final = Either(
    Literal(Bits(_FLAGS, record.UNCONFINED)), constant(True), OneOf((constant(False), constant(None)))
)


#: For how many generations names have to be gathered, and for how many texts, by what a filter reads.
_WITH_NAMES: Final[dict[object, int]] = {
    **{layout.process_name(n): n + 1 for n in range(layout.GENERATIONS)},
    **{layout.process_id(n): n + 1 for n in range(layout.GENERATIONS)},
    _TTY: 1,
    _FLAGS: 1,
    _CAPS: 1,
    _LINEAGE: layout.GENERATIONS + 1,
}
_WITH_TEXTS: Final[dict[object, int]] = {
    layout.process_text(name, n): n + 1 for name in layout.PROCESS_TEXTS for n in range(layout.GENERATIONS)
}


def about(condition: Condition) -> int:
    """Return what the probe has to gather about processes for *condition*: ``call_spec.about``."""
    asked = [_subject(literal.test) for literal in literals(condition)]
    names = max((_WITH_NAMES.get(subject, 0) for subject in asked), default=0)
    texts = max((_WITH_TEXTS.get(subject, 0) for subject in asked), default=0)
    return names | texts << record.ABOUT_TEXTS_AT


_ASKED: Final = {layout.file_name("requested"): record.ASKS_REQUESTED, layout.environment(): record.ASKS_ENVIRONMENT}


def asks(condition: Condition) -> int:
    """Return what the probe has to provide for *condition* that it does not always provide: ``call_spec.asks``."""
    tests = (literal.test for literal in literals(condition))
    found = {test.view for test in tests if isinstance(test, Text)}
    return sum(bit for view, bit in _ASKED.items() if view in found)


def _subject(test: Test) -> object:
    if isinstance(test, Text):
        return test.view
    return None if isinstance(test, Address) else test.number

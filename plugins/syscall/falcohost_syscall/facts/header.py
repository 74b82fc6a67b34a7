"""Facts in the header of every event: the call's result, and the ids of its caller."""

from __future__ import annotations

import functools
from typing import Any, Final

from falcohost import Arg
from falcohost_syscall.calls import flags
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.kinds import Cases, Decimal, Describe, Fact, always, constant, truth
from falcohost_syscall.facts.numbers import Numeric
from falcohost_syscall.filters.condition import Bits, Condition, Literal, Point, any_of, negate, within
from falcohost_syscall.records.record import FLAG_REPLACED, FLAG_REWRITTEN, FLAG_UNCOMPARED, WANT_ENTERED

RET: Final = layout.header("ret", 8, signed=True)
_ERRORS: Final = within(RET, (RET.lowest, -1))
_LAST_ERRNO: Final = 4095
_FLAGS: Final = layout.header("flags", 2)
#: The same when the descriptor was looked at.
FLAGS_OF_FILE: Final = layout.header("flags", 2, point=Point.OBJECT)


def number(member: str) -> Describe:
    """Describe a number in the record's header."""
    return always(Numeric(layout.header(member, 4)))


def number_inside(member: str) -> Describe:
    """Describe a number in the process's own pid namespace; the header has it once the first filter has passed."""
    return always(Numeric(layout.header(member, 4, point=Point.MEMORY)))


def has_result(row: Call) -> bool:
    """Return whether events of this type have a result, as Falco sees it."""
    return row.returns


def raw_result(row: Call, _: Arg) -> Fact:
    """Describe the call's result."""
    return Numeric(RET) if has_result(row) else constant(None)


def failed(row: Call, _: Arg) -> Fact:
    """Describe whether the call failed."""
    return truth(_ERRORS) if has_result(row) else constant(None)


def result(row: Call, _: Arg) -> Fact:
    """Describe the name of the error, or ``SUCCESS``."""
    return _named_result() if has_result(row) else constant(None)


@functools.cache
def _named_result() -> Fact:
    named = [number for number in range(-_LAST_ERRNO, 0) if flags.errno_name(number)]
    cases: list[tuple[Condition, Any]] = [(within(RET, (0, RET.highest)), "SUCCESS")]
    cases += [(within(RET, (number, number)), flags.errno_name(number)) for number in named]
    named_or_success = any_of(condition for condition, _ in cases)
    return Cases((*cases, (negate(named_or_success), Decimal())))


def rewritten(row: Call, _: Arg) -> Fact:
    """Describe whether what was passed in memory was changed meanwhile, or what a descriptor is of."""
    found = [Literal(Bits(_FLAGS, FLAG_REWRITTEN))] if row.want & WANT_ENTERED else []
    if row.keeps_file:
        found.append(Literal(Bits(FLAGS_OF_FILE, FLAG_REPLACED)))
    return truth(any_of(found)) if found else constant(False)


def uncompared(row: Call, _: Arg) -> Fact:
    """Describe whether what was passed could not be compared with what it was at first."""
    return truth(Literal(Bits(_FLAGS, FLAG_UNCOMPARED))) if row.want & WANT_ENTERED else constant(False)


def length(row: Call, _: Arg) -> Fact:
    """Describe the number of bytes that were read or written."""
    return Numeric(layout.header("ret", 8), negate(_ERRORS)) if row.io else constant(None)

"""General kinds of facts: one of few values, different kinds in different events, or nothing known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any as Anything
from typing import Protocol, TypeAlias

from msgspec import Struct

from falcohost import Arg
from falcohost.ir import Check, Const, Exists, FieldRef, ListOf, Transform, predicate
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts.accounts import OfAccount
from falcohost_syscall.facts.bounds import UNDECIDED, Bounds, constants
from falcohost_syscall.filters.condition import (
    FALSE,
    TRUE,
    Condition,
    all_of,
    any_of,
    negate,
)


class Decimal(Struct, frozen=True):
    """Stands for a value that is only known to be a number, as text."""


class Otherwise(Struct, frozen=True):
    """Stands for a value that is only known to exist and to be none of *values*."""

    values: frozenset[Anything] = frozenset()


class Cases(Struct, frozen=True):
    """A field with few values, each with the condition under which it has it. None: absent.

    The conditions must not overlap, and one of them must always hold.
    """

    cases: tuple[tuple[Condition, Anything], ...]

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        holds = _absent_is_false(check)
        found = [(condition, holds(value)) for condition, value in self.cases]
        return Bounds(
            any_of(condition for condition, says in found if says is not False),
            any_of(condition for condition, says in found if says),
        )


def _absent_is_false(check: Check | Exists) -> Callable[[Anything], bool | None]:
    test = None if isinstance(check, Exists) else predicate(check)

    def holds(value: Anything) -> bool | None:
        if value is None:
            return False
        if test is None:
            return True
        assert isinstance(check, Check)
        if isinstance(value, Decimal):
            return None if any(constant.isdecimal() for constant in constants(check)) else _refused(check)
        if isinstance(value, Otherwise):
            return _refused(check) if value.values.issuperset(constants(check)) else None
        return test(value)

    return holds


def _refused(check: Check) -> bool | None:
    """Return the result of *check* for a value that is unrelated to its constants, or None if it is not certain."""
    return {"=": False, "in": False, "!=": True}.get(check.op) if check.modifier is None else None


def constant(value: Anything) -> Cases:
    """Return a fact: the field has the same value in every event."""
    return Cases(((TRUE, value),))


def truth(holds: Condition) -> Cases:
    """Return a fact: the field is true where *holds* is, else false."""
    return Cases(((holds, True), (negate(holds), False)))


class Untold(Struct, frozen=True):
    """A field of which nothing is known."""

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return that nothing can be said."""
        return UNDECIDED


class MaybeAbsent(Struct, frozen=True):
    """A field that is as *fact* says, or absent where *fact* finds nothing in it."""

    fact: Fact

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        return UNDECIDED if isinstance(check, Exists) else self.fact.bounds(check)


class Either(Struct, frozen=True):
    """A field that is *then* where *when* holds, else *otherwise*."""

    when: Condition
    then: Fact
    otherwise: Fact

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        then, otherwise = self.then.bounds(check), self.otherwise.bounds(check)
        if then == otherwise:
            return then
        apart = negate(self.when)
        return Bounds(
            any_of((all_of((self.when, then.over)), all_of((apart, otherwise.over)))),
            any_of((all_of((self.when, then.under)), all_of((apart, otherwise.under)))),
        )


class OneOf(Struct, frozen=True):
    """A field that is one of *facts*, or absent; it is not known which."""

    facts: tuple[Fact, ...]

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        return Bounds(any_of(fact.bounds(check).over for fact in self.facts), FALSE)


class Fact(Protocol):
    """The way in which the kernel knows a field."""

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""


def check_bounds(check: Check | Exists, fact: Fact | None) -> Bounds:
    """Return the bounds of *check* on a field that the kernel knows as *fact*."""
    if fact is None:
        return UNDECIDED
    if isinstance(check, Check) and isinstance(check.right, (FieldRef, Transform, Const, ListOf)):
        return UNDECIDED
    return fact.bounds(check)


#: Returns the fact that a field is in the events of a row, or None if nothing is known of it.
Describe: TypeAlias = Callable[[Call, Arg], Fact | OfAccount | None]


def always(fact: Fact) -> Describe:
    """Describe a field that is the same fact in all events."""
    return lambda _, __: fact


def by_type(value: Callable[[Call], Anything]) -> Describe:
    """Describe a field that has one value in all events of a type."""
    return lambda row, _: constant(value(row))

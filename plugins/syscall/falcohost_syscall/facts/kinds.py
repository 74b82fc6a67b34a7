"""As what the kernel may know a field: one of few values, a number, names of bits, an address (or a text)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any as Anything
from typing import Protocol, TypeAlias

from falcohost import Arg
from falcohost.ir import Check, Const, Exists, FieldRef, ListOf, Transform, predicate
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts.accounts import OfAccount
from falcohost_syscall.facts.bounds import UNDECIDED, Bounds, exactly
from falcohost_syscall.filters.condition import (
    FALSE,
    TRUE,
    Address,
    Bits,
    Condition,
    Literal,
    Number,
    all_of,
    any_of,
    negate,
    within,
)


@dataclass(frozen=True, slots=True)
class Decimal:
    """Stands for a value of which only this is known: it is a number as text."""


@dataclass(frozen=True, slots=True)
class Otherwise:
    """Stands for a value of which only this is known: it is there, and none of *values*."""

    values: frozenset[Anything] = frozenset()


@dataclass(frozen=True, slots=True)
class Cases:
    """A field with few values: each with the condition under which the field has it. None: absent.

    The conditions must not overlap, and one of them must always hold.
    """

    cases: tuple[tuple[Condition, Anything], ...]

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
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
            return None if any(constant.isdecimal() for constant in _constants(check)) else _refused(check)
        if isinstance(value, Otherwise):
            return _refused(check) if value.values.issuperset(_constants(check)) else None
        return test(value)

    return holds


def _refused(check: Check) -> bool | None:
    """Return what *check* says of a value that has nothing to do with its constants; None: that cannot be said."""
    return {"=": False, "in": False, "!=": True}.get(check.op) if check.modifier is None else None


def _constants(check: Check) -> tuple[Anything, ...]:
    return check.right if isinstance(check.right, tuple) else (check.right,)


def constant(value: Anything) -> Cases:
    """Return a field that has the same value in every event."""
    return Cases(((TRUE, value),))


def truth(holds: Condition) -> Cases:
    """Return a field that is true where *holds* is, and else false."""
    return Cases(((holds, True), (negate(holds), False)))


@dataclass(frozen=True, slots=True)
class Numeric:
    """A field that is a number of the kernel's, absent where *present* is false.

    :ivar others: numbers that are compared as well.
    :ivar least: what is less counts as this.
    """

    number: Number
    present: Condition = TRUE
    others: tuple[Number, ...] = ()
    least: int | None = None

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        if isinstance(check, Exists):
            return exactly(self.present)
        each = [self._one(number, check) for number in (self.number, *self.others)]
        if check.modifier is not None or any(one is None for one in each):
            return UNDECIDED
        found = [one for one in each if one is not None]
        return exactly(all_of((self.present, all_of(found) if check.op == "!=" else any_of(found))))

    def _one(self, number: Number, check: Check) -> Condition | None:
        low, high = number.lowest, number.highest
        right = _constants(check)
        if not all(isinstance(value, int) for value in right):
            return None
        value = right[0] if len(right) == 1 else 0
        ranges = {
            "=": [(value, value)],
            "!=": [(low, value - 1), (value + 1, high)],
            "<": [(low, value - 1)],
            "<=": [(low, value)],
            ">": [(value + 1, high)],
            ">=": [(value, high)],
            "in": [(item, item) for item in sorted(set(right))],
        }.get(check.op)
        if ranges is None:
            return None
        least = low if self.least is None else self.least
        inside = tuple(
            (low if first <= least else first, min(high, last))
            for first, last in ranges
            if first <= high and last >= least
        )
        return within(number, *(pair for pair in inside if pair[0] <= pair[1]))


@dataclass(frozen=True, slots=True)
class Flags:
    """A text of the names of the bits that are set.

    :ivar names: each name with its bits in the kernel's number, or None where they cannot be told.
    :ivar separator: what stands between names.
    """

    number: Number
    names: tuple[tuple[str, int | None], ...]
    separator: str = "|"

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field: what is contained in a name that no other flag hides."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        wanted = check.right
        if check.op not in ("contains", "icontains") or not isinstance(wanted, str) or check.modifier is not None:
            return UNDECIDED
        if not any(char.isalpha() for char in wanted) or self.separator in wanted:
            return UNDECIDED
        holds = predicate(check)
        masks = [mask for name, mask in self.names if holds(name)]
        if any(mask is None for mask in masks):
            return UNDECIDED
        return exactly(any_of(Literal(Bits(self.number, mask)) for mask in masks if mask is not None))


@dataclass(frozen=True, slots=True)
class Octal:
    """A number as text, in octal digits behind a zero."""

    number: Number

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field: it is asked of every number that a mode has."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        holds = predicate(check)
        said = [(mode, mode) for mode in range(_MODES) if holds(f"0{mode:o}" if mode else "0")]
        larger = within(self.number, (_MODES, self.number.highest))
        found = within(self.number, *said)
        return Bounds(any_of((found, larger)), found)


#: Modes are less: permissions, set-uid and set-gid bits, sticky bit.
_MODES = 0o10000


@dataclass(frozen=True, slots=True)
class Ends:
    """A field that is the address of one or of either end of a socket, absent where *present* is false."""

    offsets: tuple[int, ...]
    present: Condition

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        if isinstance(check, Exists):
            return exactly(self.present)
        if check.op not in ("=", "!=", "in") or check.modifier is not None:
            return UNDECIDED
        networks = [_network(value) for value in _constants(check)]
        if any(network is None for network in networks):
            return UNDECIDED
        known = frozenset(network for network in networks if network is not None)
        if not known:
            return exactly(FALSE)
        each: Iterable[Condition] = [Literal(Address(offset, known)) for offset in self.offsets]
        if check.op == "!=":
            return exactly(all_of((self.present, *map(negate, each))))
        return exactly(all_of((self.present, any_of(each))))


_MAPPED = bytes(10) + b"\xff\xff"


def _network(value: Anything) -> tuple[bytes, int] | None:
    """Return an address or network as IPv6, IPv4 mapped into it; None: an IPv6 one that holds mapped addresses."""
    packed: bytes = getattr(value, "network_address", value).packed
    length: int = getattr(value, "prefixlen", 8 * len(packed))
    if len(packed) == 4:
        return _MAPPED + packed, 96 + length
    common = min(length, 96)
    shift = 128 - common
    if int.from_bytes(packed) >> shift == int.from_bytes(_MAPPED + bytes(4)) >> shift:
        return None
    return packed, length


@dataclass(frozen=True, slots=True)
class Untold:
    """A field of which nothing is known."""

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return that it cannot be said."""
        return UNDECIDED


@dataclass(frozen=True, slots=True)
class MaybeAbsent:
    """A field that is as *fact* says, or absent where *fact* says that nothing is in it."""

    fact: Fact

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        return UNDECIDED if isinstance(check, Exists) else self.fact.bounds(check)


@dataclass(frozen=True, slots=True)
class Either:
    """A field that is *then* where *when* is true, else *otherwise*."""

    when: Condition
    then: Fact
    otherwise: Fact

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        then, otherwise = self.then.bounds(check), self.otherwise.bounds(check)
        apart = negate(self.when)
        return Bounds(
            any_of((all_of((self.when, then.over)), all_of((apart, otherwise.over)))),
            any_of((all_of((self.when, then.under)), all_of((apart, otherwise.under)))),
        )


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field that is one of *facts*, or absent; which, is not known."""

    facts: tuple[Fact, ...]

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        return Bounds(any_of(fact.bounds(check).over for fact in self.facts), FALSE)


class Fact(Protocol):
    """As what the kernel knows a field."""

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""


def check_bounds(check: Check | Exists, fact: Fact | None) -> Bounds:
    """Return what *check* says of a field that the kernel knows as *fact*."""
    if fact is None:
        return UNDECIDED
    if isinstance(check, Check) and isinstance(check.right, (FieldRef, Transform, Const, ListOf)):
        return UNDECIDED
    return fact.bounds(check)


#: What the kernel knows of a field in events of a row; None: nothing.
Describe: TypeAlias = Callable[[Call, Arg], Fact | OfAccount | None]


def always(fact: Fact) -> Describe:
    """Describe a field of which the same is known in all events."""
    return lambda _, __: fact


def by_type(value: Callable[[Call], Anything]) -> Describe:
    """Describe a field that has one value in all events of a type."""
    return lambda row, _: constant(value(row))

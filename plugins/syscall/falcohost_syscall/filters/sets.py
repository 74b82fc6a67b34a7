"""Which constants a filter looks up at once, and which it compares one by one: known before the filter is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

from falcohost_syscall.filters.condition import Address, Test, Text

#: A text is compared one by one with at most this many constants. More are looked up, if they fit on the stack.
INLINE: Final = 8
LOOKED_UP: Final = 248
#: At most this many constants are searched for one by one; more are searched for at once.
SEARCHED_FOR: Final = 1
_BUCKETS: Final = (16, 32, 64, 128, LOOKED_UP)


class Texts(NamedTuple):
    """Texts that are looked up, padded with zeros to *size* bytes."""

    constants: frozenset[bytes]
    size: int


class Prefixes(NamedTuple):
    """Prefixes (bytes, length in bits) that are looked up, of keys of at most *size* bytes."""

    prefixes: frozenset[tuple[bytes, int]]
    size: int


class Search(NamedTuple):
    """Constants that are searched for at once; *fold*: whatever the case of their letters."""

    constants: frozenset[bytes]
    fold: bool


Set: TypeAlias = Texts | Prefixes | Search


def sets(test: Test) -> Iterator[Set]:
    """Yield the sets of constants that a test looks up."""
    if isinstance(test, Address):
        yield networks(test)
    elif not isinstance(test, Text) or test.op == "exists":
        return
    elif test.op in ("contains", "icontains"):
        if len(test.constants) > SEARCHED_FOR or test.op == "icontains":
            yield Search(test.constants, test.op == "icontains")
    elif looked_up := apart(ordered(test.constants))[1]:
        if test.op == "=":
            yield texts(looked_up)
        elif test.op == "startswith":
            yield prefixes(looked_up)
        else:
            yield from (texts([*group]) for _, group in groupby(looked_up, len))


def at_most(test: Test) -> int:
    """Return a bound for the number of :func:`sets` that a test has, which costs next to nothing."""
    if not isinstance(test, Text):
        return 1
    if test.op in ("contains", "icontains"):
        return 1
    if len(test.constants) <= INLINE:
        return 0
    return len(test.constants) if test.op == "endswith" else 1


def ordered(constants: Iterable[bytes]) -> list[bytes]:
    """Return *constants*, the shortest first."""
    return sorted(constants, key=lambda constant: (len(constant), constant))


def apart(constants: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Split :func:`ordered` constants into those that are compared one by one and those that are looked up."""
    short = [constant for constant in constants if len(constant) <= LOOKED_UP]
    if len(short) <= INLINE:
        return constants, []
    return constants[len(short) :], short


def texts(constants: list[bytes]) -> Texts:
    """Return the set of :func:`ordered` constants."""
    longest = len(constants[-1])
    return Texts(frozenset(constants), next(bucket for bucket in _BUCKETS if bucket >= longest))


def prefixes(constants: list[bytes]) -> Prefixes:
    """Return the set of :func:`ordered` constants that are beginnings of texts."""
    found = frozenset((constant, 8 * len(constant)) for constant in constants)
    return Prefixes(found, -(-len(constants[-1]) // 8) * 8)


def networks(test: Address) -> Prefixes:
    """Return the set of a test of addresses."""
    return Prefixes(test.networks, 16)

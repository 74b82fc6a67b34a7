"""Finds tests that ask the same of texts at equal distances in memory, such as those of ancestors, for one loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec.structs import replace

from falcohost_syscall.filters.condition import Condition, Literal, Text

#: From this many texts on a loop is shorter.
LEAST: Final = 3
#: A loop keeps its place in registers that other tests need.
_OPS: Final = frozenset({"=", "startswith"})


class Series(NamedTuple):
    """Tests of *texts* texts, each *step* bytes behind the one before it.

    :ivar first: the test of the first one.
    """

    first: Text
    negated: bool
    step: int
    texts: int


def in_series(items: Iterable[Condition]) -> Iterator[Condition | Series]:
    """Yield the items of a conjunction or disjunction, with a series in place of the first of its tests."""
    alike: dict[object, list[Condition]] = {}
    for item in items:
        alike.setdefault(_key(item), []).append(item)
    for same in alike.values():
        series = _series(same)
        yield from same if series is None else (series,)


def _key(item: Condition) -> object:
    if not isinstance(item, Literal) or not isinstance(item.test, Text) or item.test.op not in _OPS:
        return id(item)
    test = item.test
    return item.negated, test.op, test.constants, replace(test.view, offset=0)


def _series(items: list[Condition]) -> Series | None:
    if len(items) < LEAST:
        return None
    literals = [item for item in items if isinstance(item, Literal)]
    tests = {item.test.view.offset: item.test for item in literals if isinstance(item.test, Text)}
    offsets = sorted(tests)
    steps = {after - before for before, after in pairwise(offsets)}
    if len(steps) != 1 or len(offsets) != len(items):
        return None
    return Series(tests[offsets[0]], literals[0].negated, steps.pop(), len(offsets))

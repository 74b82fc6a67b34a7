"""Weakens a condition whose full program the kernel refuses, or would take too long to verify."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from falcohost_syscall.filters import searching
from falcohost_syscall.filters.condition import TRUE, Address, Condition, Literal, Test, Text, Within, literals
from falcohost_syscall.filters.merge import merged
from falcohost_syscall.filters.sets import INLINE, LOOKED_UP

#: Largest number of searches in one program.
SEARCHES: Final = 96
#: The same where the verifier follows every round of a search, which takes milliseconds.
SEARCHES_UNROLLED: Final = 16
#: Largest size of a search's table, in bytes.
LARGEST_TABLE: Final = 1 << 24
#: Largest total size of the constants that are too long to be looked up, in bytes.
LONG_TEXTS: Final = 1 << 14
#: Largest number of different lengths among ends of texts: each takes a look-up.
LENGTHS: Final = 16
#: Largest number of ranges in one test; they are compared one by one.
RANGES: Final = 512


def forms(condition: Condition, *, loops: bool = True) -> Iterator[Condition]:
    """Yield *condition* within the limits above, then weaker and weaker forms; the last is true.

    :param loops: the kernel has may_goto, so the verifier need not follow every round of a loop.
    """
    before = None
    for form in _forms(condition, SEARCHES if loops else SEARCHES_UNROLLED):
        if form != before:
            yield form
        before = form


def _forms(condition: Condition, most: int) -> Iterator[Condition]:
    full = _without(condition, lambda literal: _is_bulky(literal.test))
    kept = _searches(full, most)
    yield _without(full, lambda literal: _is_search(literal.test) and literal not in kept)
    full = _without(full, lambda literal: _is_search(literal.test))
    yield full
    yield _without(full, lambda literal: literal.negated and isinstance(literal.test, Text))
    yield _without(full, lambda literal: isinstance(literal.test, (Text, Address)))
    yield TRUE


def _searches(condition: Condition, most: int) -> set[Literal]:
    """Return the searches to keep: at most *most* in all, plain ones before negated ones."""
    made = Counter(literal for literal in literals(condition) if _is_search(literal.test))
    kept, times = set(), 0
    for literal in sorted(made, key=lambda literal: literal.negated):
        times += made[literal]
        if times <= most:
            kept.add(literal)
    return kept


def _is_search(test: Test) -> bool:
    return isinstance(test, Text) and test.op in ("contains", "icontains")


def _is_bulky(test: Test) -> bool:
    if isinstance(test, Text) and _is_search(test):
        return searching.size(test.constants) > LARGEST_TABLE
    if isinstance(test, Text):
        looked_up = [constant for constant in test.constants if len(constant) <= LOOKED_UP]
        lengths = set(map(len, looked_up)) if test.op == "endswith" and len(looked_up) > INLINE else ()
        return len(lengths) > LENGTHS or sum(map(len, test.constants.difference(looked_up))) > LONG_TEXTS
    return isinstance(test, Within) and len(test.ranges) > RANGES


def _without(condition: Condition, dropped: Callable[[Literal], bool]) -> Condition:
    return merged(_replaced(condition, dropped)) if any(map(dropped, literals(condition))) else condition


def _replaced(condition: Condition, dropped: Callable[[Literal], bool]) -> Condition:
    if isinstance(condition, Literal):
        return TRUE if dropped(condition) else condition
    return type(condition)(tuple(_replaced(item, dropped) for item in condition.items))

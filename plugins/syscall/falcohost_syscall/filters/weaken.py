"""Weaker forms of a condition, for when the kernel refuses the full one's program, or would read it for too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from falcohost_syscall.filters import searching
from falcohost_syscall.filters.comparing import INLINE, LOOKED_UP
from falcohost_syscall.filters.condition import TRUE, Address, Condition, Literal, Test, Text, Within, literals
from falcohost_syscall.filters.merge import merged

#: Texts are searched so often at most.
SEARCHES: Final = 64
#: The same where the verifier follows each search byte by byte, which takes milliseconds.
SEARCHES_UNROLLED: Final = 16
#: What is searched for at once may take so many bytes at most.
LARGEST_TABLE: Final = 1 << 24
#: What is too long to be looked up may have so many bytes together at most.
LONG_TEXTS: Final = 1 << 14
#: Ends of texts may have so many lengths at most: there is a look-up for each.
LENGTHS: Final = 16
#: So many ranges of numbers are compared one by one at most.
RANGES: Final = 512


def forms(condition: Condition, *, loops: bool = True) -> Iterator[Condition]:
    """Yield *condition* as far as it is worth the kernel's time, then ever weaker forms; the last is true.

    *loops*: the verifier does not follow each round of a loop.
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
    """Return those searches that are made *most* times together at most, plain ones before negated ones."""
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

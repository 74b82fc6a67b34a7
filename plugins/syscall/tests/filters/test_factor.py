"""Conditions in which alternatives share tests: what is left to test means the same."""

from __future__ import annotations

from itertools import product
from random import Random

from falcohost_syscall.facts import layout
from falcohost_syscall.facts.header import RET
from falcohost_syscall.filters.condition import (
    FALSE,
    TRUE,
    All,
    Any,
    Bits,
    Condition,
    Literal,
    Point,
    Text,
    all_of,
    any_of,
    literals,
    where,
    within,
)
from falcohost_syscall.filters.factor import factored

NAME = layout.view("name", Point.OBJECT)
EXE = layout.process_text("exepath", 0)


def text(view, *constants: bytes, negated: bool = False) -> Condition:
    """Return the test that a text is one of *constants*."""
    return Literal(Text(view, "=", frozenset(constants)), negated)


#: Tests that cannot be joined to others, by their kinds and places.
TESTS = [Literal(Bits(RET, 1 << bit), negated) for bit in range(4) for negated in (False, True)]


def some(random: Random, depth: int) -> Condition:
    """Return a condition by chance, of few tests, so that alternatives share them."""
    if not depth or random.random() < 0.2:
        return random.choice(TESTS)
    kind = random.choice((All, Any))
    return kind(tuple(some(random, depth - 1) for _ in range(random.randint(0 if depth < 3 else 2, 4))))


def holds(condition: Condition, true: dict[Condition, bool]) -> bool:
    """Return whether *condition* holds, given which tests do: a test and its negation may, if it is undecided."""
    if isinstance(condition, Literal):
        return true[condition]
    return (all if isinstance(condition, All) else any)(holds(item, true) for item in condition.items)


def test_same_meaning():
    """Whatever the kernel can decide, and whatever not, the result holds for the same events, with fewer tests."""
    random, fewer = Random(1), 0
    events = [dict(zip(TESTS, values, strict=True)) for values in product((False, True), repeat=len(TESTS))]
    for _ in range(400):
        condition = some(random, random.randint(1, 4))
        found = factored(condition)
        shorter = len([*literals(condition)]) - len([*literals(found)])
        fewer += shorter > 0

        assert shorter >= 0
        assert found == factored(found)
        for true in random.sample(events, 40):
            assert holds(condition, true) == holds(found, true), condition
    assert fewer > 200


def test_shared_tests_are_made_once():
    """What several alternatives ask alike is asked once, after what is likely to exclude the event."""
    spared = all_of(text(layout.process_text("exepath", place), b"/usr/bin/apt", negated=True) for place in range(4))
    write = Literal(Bits(RET, 2))
    alternatives = [
        all_of((write, text(NAME, b"/etc/shadow"), spared)),
        all_of((write, text(NAME, b"/etc/passwd"), text(EXE, b"/bin/sh"), spared)),
        all_of((write, text(NAME, b"/etc/hosts"), spared)),
    ]
    found = factored(any_of(alternatives))
    tests = [*literals(found)]

    assert 4 == sum(literal.negated for literal in tests)
    assert 1 == tests.count(write)
    assert text(NAME, b"/etc/shadow", b"/etc/hosts") in tests
    assert write == tests[0]
    assert all(literal.negated for literal in tests[-4:])


def test_what_is_known_is_not_asked():
    """Where the range of a number is known, tests of it are decided, and others of it stay."""
    failed, not_found = within(RET, (RET.lowest, -1)), within(RET, (-2, -2))
    other = text(NAME, b"/etc/shadow")

    assert TRUE == where(failed, RET, RET.lowest, -1)
    assert FALSE == where(all_of((other, failed)), RET, 0, 0)
    assert other == where(all_of((other, any_of((failed, other)))), RET, 0, 0)
    assert not_found == where(not_found, RET, RET.lowest, -1)
    assert FALSE == where(Literal(failed.test, negated=True), RET, -9, -1)

"""Generated code and the naive interpreter say the same of every condition and event."""

from __future__ import annotations

import operator

import lookup_world
import pytest
from generated import condition, event
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import evaluate, value_of
from world import CATALOG, TYPES, compiled, rule

from falcohost.engine import ir
from falcohost.engine.code.module import compile_condition
from falcohost.engine.code.specialise import specialise
from falcohost.engine.evttypes import event_types
from falcohost.engine.index.tables import table
from falcohost.engine.index.weights import Weights
from falcohost.engine.index.witness import Kind, witnesses
from falcohost.engine.matcher import Matcher
from falcohost.engine.typecheck import check
from falcohost.engine.unknown import reads_lookup
from falcohost.lang.printer import to_text
from falcohost.lang.tree import AndNode, NotNode, OrNode

EVENTS = 8
randoms = st.randoms(use_true_random=True)


@given(randoms)
def test_generated_code_agrees_with_the_interpreter(random):
    """A compiled condition is true exactly where the interpreter says so."""
    node = condition(random)
    expr = check(node, CATALOG).expr
    holds = compile_condition(expr)
    for _ in range(EVENTS):
        happening = event(random, [expr])

        assert evaluate(expr, happening) is holds(happening), to_text(node)


@given(randoms)
def test_event_types_and_specialised_conditions_lose_nothing(random):
    """A condition is false for types that it does not admit, and equals its specialisation for those that it does."""
    node = condition(random)
    expr = check(node, CATALOG).expr
    types = event_types(expr, TYPES)
    for _ in range(EVENTS):
        happening = event(random, [expr])
        expected = evaluate(expr, happening)

        assert not expected or types is None or happening.type in types, to_text(node)
        assert expected is evaluate(specialise(expr, happening.type), happening), to_text(node)


@given(randoms)
def test_what_is_never_and_what_is_always_true_falls_away(random):
    """A specialised condition without its decided parts still says the same, however decided parts are nested in it."""
    decided = ("evt.num = 0", "evt.num >= 0", "s.text in ()", "evt.type = open", "evt.type != open")
    parts = [check(condition(random, 2), CATALOG).expr, *(compiled(text) for text in random.sample(decided, 2))]
    random.shuffle(parts)
    expr = random.choice((ir.And, ir.Or))((parts[0], random.choice((ir.And, ir.Or))((parts[1], ir.Not(parts[2])))))
    for _ in range(EVENTS):
        happening = event(random, [expr])

        assert evaluate(expr, happening) is evaluate(specialise(expr, happening.type), happening)


@given(randoms)
def test_witnesses_hold_wherever_the_condition_does(random):
    """An event for which a condition is true fulfils a term of every witness that the condition has."""
    expr = check(condition(random), CATALOG).expr
    found = witnesses(expr, Weights())
    for _ in range(EVENTS):
        happening = event(random, [expr])
        if evaluate(expr, happening):
            assert all(any(term_holds(term, happening) for term in one.terms) for one in found)


def term_holds(term, happening):
    """Tell whether an event fulfils *term*: a test by its check, all else by looking the operand's value up."""
    if term.kind is Kind.TEST:
        return evaluate(term.check, happening)
    value = value_of(term.operand, happening)
    find = table(term.kind, term.form, term.several, dict.fromkeys(term.values, 1), 0, operator.or_)
    return value is not None and find(value) == 1


#: A source's catalog and what makes its events: without a lookup, and with one that may not have answered.
WORLDS = {
    "no lookup": (CATALOG, event),
    "a lookup": (lookup_world.CATALOG, lookup_world.looked_up_event),
}
worlds = pytest.mark.parametrize(("catalog", "event"), WORLDS.values(), ids=WORLDS)


@worlds
@given(random=randoms)
@settings(max_examples=settings().max_examples // 2)
def test_the_matcher_agrees_with_the_interpreter(random, catalog, event):
    """The matcher finds exactly the rules whose conditions hold, in order; with *first* the first of them.

    It finds those too of which it is not known yet whether they hold.
    """
    exprs = [check(condition(random), catalog).expr for _ in range(random.randint(1, 5))]
    agree(random, [rule(str(number), expr) for number, expr in enumerate(exprs)], EVENTS, event)


@worlds
@given(random=randoms)
@settings(max_examples=settings().max_examples // 32)
def test_the_index_agrees_with_the_interpreter(random, catalog, event):
    """So it does for many rules, some of which have parts in common, through an index with branches."""
    parts = [condition(random, 1) for _ in range(12)]
    exprs = [check(mixed(random, parts), catalog).expr for _ in range(random.randint(20, 60))]
    limits = {"matcher.FEW": random.choice((0, 100)), "index.indexed.PLACE": random.choice((1, 3, 12))}
    limits |= {"index.indexed.INLINE": random.choice((0, 5)), "index.indexed.LIMIT": random.choice((1, 9, 4096))}
    limits |= {"index.memory.LIMIT": random.choice((0, 2, 256)), "index.tables.FEW": random.choice((0, 12))}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(f"falcohost.engine.{name}", value)
        agree(random, [rule(str(number), expr) for number, expr in enumerate(exprs)], EVENTS * 4, event)


def mixed(random, parts):
    """Return a condition in which some of *parts* must hold."""
    items = [*random.sample(parts, random.randint(1, 3)), condition(random, 2)]
    items = [NotNode(item) if random.random() < 0.2 else item for item in items]
    random.shuffle(items)
    return AndNode(tuple(items)) if random.random() < 0.9 else OrNode(tuple(items))


def agree(random, rules, events, event):
    """Compare the matcher of *rules* with the interpreter."""
    first, every = Matcher(rules), Matcher(rules, first=False)
    for _ in range(events):
        happening = event(random, [found.condition for found in random.sample(rules, min(len(rules), 5))])
        expected = tuple(found for found in rules if evaluate(found.condition, happening) is not False)
        decisive = [number for number, found in enumerate(expected, 1) if not reads_lookup(found.condition)]

        assert expected == tuple(every.match(happening))
        assert expected[: decisive[0] if decisive else None] == tuple(first.match(happening))
        assert set(expected) <= set(first.candidates(happening))

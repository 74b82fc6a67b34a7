"""Generated code and the naive interpreter say the same of every condition and event.

``FALCOHOST_PAIRS=100000`` makes it a long run.
"""

from __future__ import annotations

import os

from generated import condition, event
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import evaluate
from world import CATALOG, TYPES, rule

from falcohost.engine.codegen import compile_condition
from falcohost.engine.evttypes import event_types
from falcohost.engine.matcher import Matcher
from falcohost.engine.specialise import specialise
from falcohost.engine.typecheck import check
from falcohost.lang.printer import to_text

EVENTS = 8
PAIRS = int(os.environ.get("FALCOHOST_PAIRS", "3200"))
thorough = settings(max_examples=max(PAIRS // EVENTS, 1), deadline=None, database=None)
randoms = st.randoms(use_true_random=True)


@given(randoms)
@thorough
def test_generated_code_agrees_with_the_interpreter(random):
    """A compiled condition is true exactly where the interpreter says so."""
    node = condition(random)
    expr = check(node, CATALOG).expr
    holds = compile_condition(expr)
    for _ in range(EVENTS):
        happening = event(random, [expr])

        assert evaluate(expr, happening) is holds(happening), to_text(node)


@given(randoms)
@thorough
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
@thorough
def test_the_matcher_agrees_with_the_interpreter(random):
    """The matcher finds exactly the rules whose conditions hold, in order; with *first* the first of them."""
    exprs = [check(condition(random), CATALOG).expr for _ in range(random.randint(1, 5))]
    rules = [rule(str(number), expr) for number, expr in enumerate(exprs)]
    first, every = Matcher(rules), Matcher(rules, first=False)
    for _ in range(EVENTS):
        happening = event(random, exprs)
        expected = tuple(found for found in rules if evaluate(found.condition, happening))

        assert expected == tuple(every.match(happening))
        assert expected[:1] == tuple(first.match(happening))

"""Conditions asked part by part, over events of which not everything is known."""

from __future__ import annotations

import pytest
from generated import condition, event, wanted
from hypothesis import given
from hypothesis import strategies as st
from interpreter import evaluate
from world import CATALOG, compiled

from falcohost.engine.code.module import compile_condition
from falcohost.engine.explain.reasons import reasons, undecided
from falcohost.engine.explain.trace import UNKNOWN, Reading, detached, key_of, trace
from falcohost.engine.ir import And, Not, Or
from falcohost.engine.paths import getter
from falcohost.engine.typecheck import check
from falcohost.lang.printer import to_text

EVENTS = 4
randoms = st.randoms(use_true_random=True)


def read(happening):
    """Return what tells the values of *happening*, all of them."""
    return lambda ref: getter(ref.field)(happening, ref.arg)


def traced(text, **values):
    """Return the trace of a condition over *values* (``s_text`` is ``s.text``); what is not among them is unknown."""
    named = {name.replace("_", ".", 1): value for name, value in values.items()}
    return trace(compiled(text), lambda ref: named.get(ref.text, UNKNOWN))


def answers(found):
    """Return the answers of the checks; those that were not asked in brackets."""
    if found.items:
        return [answer for item in found.items for answer in answers(item)]
    return [found.answer if found.asked else [found.answer]]


@given(randoms)
def test_what_is_known_whole_is_what_the_engine_says(random):
    """Where all values are known, the trace says what generated code and the interpreter say."""
    node = condition(random)
    expr = check(node, CATALOG).expr
    holds = compile_condition(expr)
    for _ in range(EVENTS):
        happening = event(random, [expr])

        assert evaluate(expr, happening) is holds(happening) is trace(expr, read(happening)).answer, to_text(node)


@given(randoms)
def test_what_is_told_from_a_part_stays(random):
    """A result that the trace derives from some of the values holds for all values of the others."""
    node = condition(random)
    expr = check(node, CATALOG).expr
    for _ in range(EVENTS):
        seen, unseen = event(random, [expr]), event(random, [expr])
        hidden = {key_of(ref) for ref in wanted([expr]) if random.random() < 0.4}
        answer = trace(expr, lambda ref: UNKNOWN if key_of(ref) in hidden else read(seen)(ref)).answer  # noqa: B023
        values = {ref: read(unseen if key_of(ref) in hidden else seen)(ref) for ref in wanted([expr])}

        assert answer in (None, trace(expr, values.get).answer), to_text(node)


@given(randoms)
def test_reasons_settle_the_matter(random):
    """The checks that are given as reasons are enough: with all others unknown, the answer is the same."""
    node = condition(random)
    expr = check(node, CATALOG).expr
    found = trace(expr, read(event(random, [expr])))
    named = {reason.expr for reason in reasons(found)}

    assert evaluate_with(found, named) is found.answer, to_text(node)


def evaluate_with(found, named):
    """Return the answer of the whole if only the checks *named* answer what they did in the trace *found*."""
    if not isinstance(found.expr, (And, Or, Not)):
        return found.answer if found.expr in named else None
    answers = [evaluate_with(item, named) for item in found.items]
    if isinstance(found.expr, Not):
        return None if answers[0] is None else not answers[0]
    decisive = isinstance(found.expr, Or)
    if decisive in answers:
        return decisive
    return None if None in answers else not decisive


def test_what_was_not_asked():
    """Once a part settles the matter the others are not asked, and what they would have said is there all the same."""
    assert answers(traced("s.text = a and s.other = b", s_text="b", s_other="b")) == [False, [True]]
    assert answers(traced("s.text = a or s.other = b", s_text="a", s_other="c")) == [True, [False]]
    assert answers(traced("s.text = a and s.other = b", s_other="b")) == [None, True]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("s.text = a and s.other = b", {"s_other": "c"}, False),
        ("s.text = a or s.other = b", {"s_other": "b"}, True),
        ("s.text = a and s.other = b", {"s_other": "b"}, None),
        ("not s.text = a", {}, None),
        ("s.text exists", {"s_text": None}, False),
        ("s.text = val(s.other)", {"s_text": None}, False),
        ("s.text = val(s.other)", {"s_text": "a"}, None),
        ("tolower(s.text) = a", {"s_text": "A"}, True),
        ("evt.num = 0", {}, False),
        ("evt.num >= 0", {}, True),
        ("evt.num = 7", {}, None),
        ("s.text in ()", {}, False),
        ("l.texts intersects (a)", {"l_texts": ()}, False),
    ],
)
def test_three_answers(text, values, expected):
    """A condition is true or false if what is known settles it; an absent value settles its check."""
    assert expected is traced(text, **values).answer


def test_values_beside_a_check():
    """A check has the values of its fields, and of a side that is a transformer what came out of it."""
    found = traced("tolower(s.text) = val(s.other)", s_text="A", s_other="b")

    assert ["A", "b", "a"] == [value for _, value in found.values]


def test_reasons_are_the_fewest():
    """The smallest set of checks counts, asked ones before others, equal ones once."""
    by_one = traced("(s.text = a or s.other = b or s.text = c) and n.uint64 = 1", s_text="x", s_other="x", n_uint64=2)
    asked = traced("s.text = a and s.other = b", s_text="x", s_other="x")
    once = traced("(s.text = a or s.text = b) and (s.text = a or s.other = c)", s_text="a", s_other="c")

    assert [compiled("n.uint64 = 1")] == [reason.expr for reason in reasons(by_one)]
    assert [compiled("s.text = a")] == [reason.expr for reason in reasons(asked)]
    assert [compiled("s.text = a")] == [reason.expr for reason in reasons(once)]
    assert () == reasons(traced("s.text = a"))


def test_what_the_answer_hangs_on():
    """Unknown checks count only where the whole hangs on them."""
    found = traced("(s.text = a or s.other = b) and n.uint64 = 1 and s.path = /a", s_other="b", n_uint64=1)

    assert [compiled("s.path = /a")] == [check.expr for check in undecided(found)]


def test_detached_conditions_read_only_the_values():
    """A detached condition never asks its source's getters, and knows fields with different arguments apart."""
    expr = detached(compiled("s.key[a] = 1 and s.key[b] = 2 and not s.text exists"))

    assert compile_condition(expr)(Reading({("s.key", "a"): "1", ("s.key", "b"): "2"}))
    assert not compile_condition(expr)(Reading({("s.key", "a"): "2", ("s.key", "b"): "2"}))

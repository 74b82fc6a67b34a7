"""Conditions with values that are not known yet: what is possible, what is certain, what a source may decide."""

from __future__ import annotations

from generated import condition
from hypothesis import given
from hypothesis import strategies as st
from interpreter import evaluate
from lookup_world import CATALOG, ROWS, answered, looked_up_event
from world import Happening, compiled

from falcohost.engine.code.module import compile_condition
from falcohost.engine.code.specialise import TRUE, specialise
from falcohost.engine.ir import Not
from falcohost.engine.matcher import Matcher
from falcohost.engine.typecheck import check
from falcohost.engine.unknown import certain, possible, reads_lookup, without_lookups
from falcohost.lang.parser import parse
from falcohost.lookups import PENDING

EVENTS = 8
randoms = st.randoms(use_true_random=True)


def looked_up(text: str):
    """Return the condition *text* over the source that has a lookup."""
    return check(parse(text), CATALOG).expr


@given(randoms)
def test_possible_and_certain_are_the_three_values(random):
    """A condition is possible where the interpreter does not say no, and certain where it says yes."""
    expr = check(condition(random), CATALOG).expr
    may, must = compile_condition(possible(expr)), compile_condition(certain(expr))
    for _ in range(EVENTS):
        happening = looked_up_event(random, [expr])
        answer = evaluate(expr, happening)

        assert (answer is not False, answer is True) == (may(happening), must(happening)), expr


@given(randoms)
def test_a_row_decides_no_more_than_was_unknown(random):
    """A certain result holds and an impossible one does not, whatever row comes."""
    expr = check(condition(random), CATALOG).expr
    may, must = compile_condition(possible(expr)), compile_condition(certain(expr))
    for _ in range(EVENTS):
        happening = looked_up_event(random, [expr], 0.0)
        before = must(happening), may(happening)
        answered(random, [expr], happening)

        assert before[0] <= evaluate(expr, happening) <= before[1]
        assert may(happening) is must(happening) is evaluate(expr, happening)


@given(randoms)
def test_what_a_source_decides_leaves_out_nothing_that_a_row_could_want(random):
    """The condition without lookups holds wherever the rule may come to, and reads no field of a lookup."""
    expr = check(condition(random), CATALOG).expr
    weaker = without_lookups(expr)

    assert not reads_lookup(weaker)
    for _ in range(EVENTS):
        happening = looked_up_event(random, [expr])
        if evaluate(expr, happening) is not False:
            assert evaluate(weaker, happening), expr
            assert evaluate(specialise(weaker, happening.type), happening)


def test_conditions_without_lookups_stay_as_they_are():
    """A condition that reads no field of a lookup is returned itself, not a copy."""
    for text in ("s.text = a and not (s.other = b or n.int32 > 1)", "evt.type = open", "not s.text exists"):
        expr = compiled(text)

        assert expr is possible(expr) is certain(expr) is without_lookups(expr)


def test_what_the_source_knows_itself_is_still_decided_by_it():
    """Where the field has a value without the lookup the source may decide; where it has none it must not."""
    weaker = without_lookups(looked_up("not s.text = a and row.owner = b"))
    absent, own, other = Happening(), Happening({"s.text": "a"}), Happening({"s.text": "c"})

    assert [True, False, True] == [evaluate(weaker, event) for event in (absent, own, other)]


def test_fields_that_only_a_lookup_has_say_nothing_to_a_source():
    """A check of an added field is true for the source, below not as well."""
    owner = looked_up("row.owner = a")

    assert (TRUE, TRUE) == (without_lookups(owner), without_lookups(Not(owner)))


def test_rules_are_not_filed_under_fields_of_lookups():
    """A rule is filed under another of its checks, or asked always, so that no event is looked up in vain."""
    from world import rule

    asked = []

    class Counting(dict):
        def get(self, key):
            asked.append(key)
            return PENDING

    rules = [rule("r", looked_up("s.text.more = x and row.owner in (a, b)")), rule("q", looked_up("row.owner = c"))]
    ROWS.rows = Counting()
    matcher = Matcher(rules[:1])
    matcher.match(Happening({"row.key": 1, "s.text.more": "y"}))
    assert [] == asked

    assert rules == list(Matcher(rules).match(Happening({"row.key": 1, "s.text.more": "x"})))
    assert None is Matcher(rules).filed(rules[1], None)

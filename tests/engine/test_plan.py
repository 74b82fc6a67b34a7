"""Tests the plan: the needs of the rules for a source."""

from dataclasses import replace

from lookup_world import CATALOG
from world import rule

from falcohost.engine import ir
from falcohost.engine.ir import Or
from falcohost.engine.plan import make_plan
from falcohost.engine.template import Template
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse


def test_a_plan_joins_what_the_rules_want():
    """Event types, fields of conditions and outputs, and any of the conditions."""
    one = rule("1", "evt.type = open and s.text = val(s.other)", "%n.port")
    two = rule("2", "evt.type in (close, open) and (tolower(s.path) = a or b.flag = true)")
    plan = make_plan("test", [one, two])

    assert {"open", "close"} == plan.event_types
    assert {"evt.type", "s.text", "s.other", "s.path", "b.flag", "n.port"} == plan.fields
    assert Or((one.condition, two.condition)) == plan.condition


def test_what_is_asked_of_a_type():
    """The fields of the rules that can match it, and of no others."""
    one = rule("1", "evt.type = open and s.text = a", "%n.port")
    two = rule("2", "evt.type in (close, open) and b.flag = true")

    assert {("evt.type", None), ("b.flag", None)} == make_plan("test", [one, two]).asked_of("close")
    assert frozenset() == make_plan("test", [one, two]).asked_of("read")
    assert {"evt.type", "s.text", "n.port", "b.flag"} == {
        name for name, _ in make_plan("test", [one, two]).asked_of("open")
    }
    assert ("s.text", None) in make_plan("test", [one, rule("3", "b.flag = true")]).asked_of("close")


def test_one_rule_for_any_type_wants_all_types():
    """A rule without event types leaves no type out."""
    assert make_plan("test", [rule("1", "evt.type = open"), rule("2", "s.text = a")]).event_types is None


def test_a_single_rule_is_its_own_condition():
    """There is nothing to join."""
    only = rule("1", "s.text = a or s.text = b")

    assert only.condition == make_plan("test", [only]).condition


def test_without_rules_nothing_is_wanted():
    """No event type, no field, and a condition that never holds."""
    plan = make_plan("test", [])

    assert (frozenset(), frozenset(), Or(())) == (plan.event_types, plan.fields, plan.condition)


def test_what_a_lookup_is_asked_by_is_wanted():
    """Of a lookup's field the source is asked for the key and for its own field of that name, never for the field."""
    expr = check(parse("evt.type = open and row.owner = a and s.text exists and b.other = true"), CATALOG).expr
    made = replace(rule("1", expr), output=Template.parse("%l.texts", CATALOG))
    plan = make_plan("test", [made])

    assert {"row.key", "s.text"} == {ref.field.name for ref in plan.also_read}
    assert {"evt.type", "row.key", "s.text", "b.other", "l.texts"} == plan.fields
    assert {"evt.type", "b.other"} == {ref.field.name for ref in ir.fields(plan.condition)}


def test_what_a_row_is_found_by_that_a_row_is_found_by_is_wanted():
    """Where the field in brackets is one of a lookup, the source is asked for what that is found by."""
    plan = make_plan("test", [rule("1", check(parse("n.int32 = 1"), CATALOG).expr)])

    assert {"row.key"} == {ref.field.name for ref in plan.also_read}
    assert plan.fields >= {"row.key"}

"""A candidate's copies say what the event said: the same text, the same JSON values, the same decision."""

from __future__ import annotations

from dataclasses import replace

from generated import condition, event
from hypothesis import given
from hypothesis import strategies as st
from interpreter import evaluate
from lookup_world import CATALOG, looked_up_event
from world import CATALOG as PLAIN
from world import FIELDS, rule

from falcohost.engine.template import Template
from falcohost.engine.typecheck import check
from falcohost.fields import ArgKind
from falcohost.pipeline.frozen import Freezer

randoms = st.randoms(use_true_random=True)
PRINTED = [field for field in (*FIELDS, *PLAIN.fields) if not field.arg_required and not field.filter_only]
TRANSFORMED = ("tolower(s.text)", 'join(",",l.texts)', "len(buf.data)", "basename(s.path)")


def output(random) -> Template:
    """Return a template with some fields, with and without arguments, and some for the JSON alone."""
    some = random.sample(PRINTED, 12)
    texts = [f"%{one.name}{random.choice(('', '[0]')) if one.arg is ArgKind.INDEX else ''}" for one in some]
    texts += [f"%{text}" for text in random.sample(TRANSFORMED, 2)]
    extra = [one.name for one in random.sample(PRINTED, 4)]
    return Template.parse("it is: " + " | ".join(texts), PLAIN, extra_fields=[*extra, ("more", "%s.text/%n.int32")])


@given(randoms)
def test_copies_are_shown_as_the_event_is(random):
    """Text, JSON values, and what makes outputs alike are those of the event, whatever becomes of it."""
    template = output(random)
    made = replace(rule("r", "evt.num >= 0"), output=template)
    happening = event(random, [check(condition(random), PLAIN).expr])
    expected, alike = template.filled(happening), template.same(happening)
    frozen = Freezer(made).freeze(happening)
    happening.values.clear()

    assert expected == frozen.rule.output.filled(frozen.event)
    assert alike == frozen.rule.output.same(frozen.event)
    assert ("open", happening.key) == ("open", frozen.event.key)


@given(randoms)
def test_copies_decide_as_the_event_does(random):
    """A candidate is decided as the condition is over the event, and unknown where that is."""
    expr = check(condition(random), CATALOG).expr
    freezer = Freezer(rule("r", expr))
    for _ in range(4):
        happening = looked_up_event(random, [expr])
        expected = evaluate(expr, happening)
        candidate = freezer.freeze(happening)
        happening.values.clear()

        # Without a field of a lookup it was decided when the event was there.
        assert expected is freezer.answer(candidate.event) or not freezer._is_open

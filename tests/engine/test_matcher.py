"""Rules by event type, in order, first or all."""

from types import SimpleNamespace

import pytest
from world import TYPES, Happening, rule

from falcohost.engine.codegen import Module
from falcohost.engine.matcher import CHUNK, Matcher

RULES = (
    rule("any", "s.text = a"),
    rule("open", "evt.type = open and s.text in (a, b)"),
    rule("not open", "evt.type != open and s.text = b"),
    rule("never", "s.text exists and evt.num = 0"),
    rule("open or close", "evt.type in (open, close) and s.text != z"),
)


@pytest.mark.parametrize(
    ("event_type", "text", "every"),
    [
        ("open", "a", ["any", "open", "open or close"]),
        ("open", "b", ["open", "open or close"]),
        ("open", "z", []),
        ("open", None, []),
        ("close", "b", ["not open", "open or close"]),
        ("close", "a", ["any", "open or close"]),
        ("execve", "b", ["not open"]),
        ("execve", "z", []),
        ("unheard-of", "a", ["any"]),
    ],
)
def test_rules_match_in_the_order_of_their_definition(event_type, text, every):
    """All rules that match are found in order, those without an event type among them; or the first alone."""
    event = Happening({"s.text": text}, type=event_type)

    assert every == [found.name for found in Matcher(RULES, first=False).match(event)]
    assert every[:1] == [found.name for found in Matcher(RULES).match(event)]


def test_nothing_matches_without_rules():
    """A matcher without rules finds nothing."""
    assert () == Matcher(()).match(Happening())


def test_order_holds_over_many_rules():
    """Rules beyond what one generated function holds are found in order as well."""
    rules = [rule(str(number), f"n.int64 < {number}") for number in range(3 * CHUNK)]
    event = Happening({"n.int64": CHUNK + 5})

    assert [str(CHUNK + 6)] == [found.name for found in Matcher(rules).match(event)]
    assert rules[CHUNK + 6 :] == list(Matcher(rules, first=False).match(event))


def test_a_type_that_the_condition_decides_is_not_asked_for():
    """The check of evt.type falls away where the type is known, so its getter is never called."""
    matcher = Matcher([rule("r", "evt.type in (open, close) and s.text = a")])
    asked = []

    class Event(SimpleNamespace):
        @property
        def type(self):
            asked.append(1)
            return "open"

    assert matcher.match(Event(values={"s.text": "a"}))
    assert 1 == len(asked)


def test_types_with_the_same_rules_share_a_function(monkeypatch):
    """One function serves all event types for which the same is left of the same rules."""
    made = []
    monkeypatch.setattr(Module, "first", lambda self, cases: made.append(cases) or self.condition(cases[0][0]))
    Matcher([rule("r", "evt.type in (open, close, clone) and s.text = a")])

    assert 1 == len(made)
    assert {"open", "close", "clone"} < TYPES

"""Rules by event type, in order, first or all."""

from collections import Counter
from types import SimpleNamespace

import pytest
from interpreter import evaluate
from world import CATALOG, TYPES, Happening, rule

from falcohost.engine import matcher as matching
from falcohost.engine.catalog import Catalog
from falcohost.engine.index.direct import DirectSearch
from falcohost.engine.ir import And, Not, Or
from falcohost.engine.matcher import FEW, Matcher
from falcohost.engine.typecheck import check
from falcohost.fields import Field, FieldType
from falcohost.lang.parser import parse

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


@pytest.mark.parametrize(
    ("texts", "every"),
    [
        (["z"], []),
        (["a"], [("any", 0), ("open", 0), ("open or close", 0)]),
        (["b", "a"], [("any", 1), ("open", 0), ("open or close", 0)]),
        (["a", "b"], [("any", 0), ("open", 0), ("open or close", 0)]),
        (["z", "a"], [("any", 1), ("open", 1), ("open or close", 1)]),
    ],
)
def test_an_event_with_several_views(texts, every):
    """Each rule matches once, with the first view that it matches; rules keep their order."""
    views = [Happening({"s.text": text}, type="open") for text in texts]
    numbers = {id(view): number for number, view in enumerate(views)}

    def found(first):
        return [(rule.name, numbers[id(view)]) for rule, view in Matcher(RULES, first=first).match_views(views)]

    assert every == found(False)
    assert every[:1] == found(True)


def test_views_are_not_mixed():
    """A rule does not match by one half of its condition in one view and the other half in another."""
    both = Matcher([rule("both", "s.text = a and n.int64 = 1")])

    assert [] == both.match_views([Happening({"s.text": "a", "n.int64": 2}), Happening({"s.text": "b", "n.int64": 1})])
    assert 1 == len(both.match_views([Happening({"s.text": "b"}), Happening({"s.text": "a", "n.int64": 1})]))


def test_nothing_matches_without_rules():
    """A matcher without rules finds nothing."""
    assert () == Matcher(()).match(Happening())


def test_order_holds_over_many_rules():
    """Rules beyond what one generated function holds are found in order as well."""
    rules = [rule(str(number), f"n.int64 < {number}") for number in range(3 * FEW)]
    event = Happening({"n.int64": FEW + 5})

    assert [str(FEW + 6)] == [found.name for found in Matcher(rules).match(event)]
    assert rules[FEW + 6 :] == list(Matcher(rules, first=False).match(event))


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


@pytest.fixture
def made(monkeypatch):
    """Collect the conditions for which a search is made."""
    found = []
    monkeypatch.setattr(
        matching, "DirectSearch", lambda conditions, *more: found.append(conditions) or DirectSearch(conditions, *more)
    )
    return found


def test_types_with_the_same_rules_share_a_search(made):
    """One search serves all event types for which the same is left of the same rules."""
    matcher = Matcher([rule("r", "evt.type in (open, close, clone) and s.text = a")])
    for event_type in ("open", "close", "clone", "execve"):
        matcher.match(Happening(type=event_type))

    assert [1, 0] == [len(conditions) for conditions in made]
    assert {"open", "close", "clone", "execve"} < TYPES


def test_nothing_is_made_before_an_event_needs_it(made):
    """A search is made when the first event of its type comes, once."""
    matcher = Matcher(RULES)
    before = len(made)
    matcher.match(Happening())
    matcher.match(Happening())

    assert (0, 1) == (before, len(made))


def test_types_that_no_rule_names_leave_nothing_behind(made):
    """However many types events have that no rule names, they share one search."""
    matcher = Matcher(RULES)
    for number in range(100):
        matcher.match(Happening(type=f"unheard-of {number}"))

    assert 1 == len(made)


def test_candidates_and_what_a_rule_is_filed_under_are_told():
    """The matcher tells the rules that it would ask, and under what each is filed."""
    rules = [rule(f"{number}", f"s.text = text-number-{number}") for number in range(2 * FEW)]
    matcher = Matcher([*rules, rule("always", "not s.text = a")])

    assert ["7", "always"] == [found.name for found in matcher.candidates(Happening({"s.text": "text-number-7"}))]
    assert ["always"] == [found.name for found in matcher.candidates(Happening({"s.text": "a"}))]
    assert "s.text = text-number-7" == str(matcher.filed(rules[7], "open"))
    assert matcher.filed(matcher.rules[-1], "open") is None


def test_what_most_rules_ask_for_finds_none_of_them():
    """A long text that nearly all rules compare with is taken for common, so each is filed under something else."""
    rules = [rule(f"{number}", f"s.text = usual-and-long and s.path = /a/{number}") for number in range(40)]
    matcher = Matcher(rules)

    assert ["7"] == [one.name for one in matcher.candidates(Happening({"s.text": "usual-and-long", "s.path": "/a/7"}))]
    assert not matcher.candidates(Happening({"s.text": "usual-and-long"}))


def counted(name, reads):
    """Return a field that counts how often it is read."""

    def get(event, arg):
        reads[name] += 1
        return event.values.get(name)

    return Field(name=name, type=FieldType.CHARBUF, description="", get=get)


@pytest.mark.parametrize("few", [0, 1000])
def test_a_field_is_read_once_however_many_rules_ask_for_it(few, monkeypatch):
    """Neither the index nor any of the rules reads a field again."""
    monkeypatch.setattr(matching, "FEW", few)
    reads = Counter()
    catalog = Catalog("test", [counted(name, reads) for name in ("x.a", "x.b", "x.c")])
    texts = [
        *(f"x.a = {number} and x.b contains {number}" for number in range(100)),
        *(f"(x.a startswith 1 or x.b = b) and x.c endswith {number}" for number in range(100)),
        *(f"not x.c = {number} and x.b != {number}" for number in range(100)),
    ]
    matcher = Matcher([rule(text, check(parse(text), catalog).expr) for text in texts], first=False)
    matcher.match(Happening({"x.a": "1", "x.b": "11", "x.c": "99"}))
    reads.clear()
    found = matcher.match(Happening({"x.a": "1", "x.b": "11", "x.c": "99"}))

    assert 1 + 2 + 99 - 1 == len(found)
    assert {"x.a": 1, "x.b": 1, "x.c": 1} == dict(reads)


@pytest.mark.parametrize("few", [0, 1000])
def test_what_rules_have_in_common_is_evaluated_once(few, monkeypatch):
    """An equal sub-condition of several rules is evaluated once for an event, and only if one of them asks."""
    monkeypatch.setattr(matching, "FEW", few)
    asked = Counter()
    monkeypatch.setattr(
        "falcohost.engine.code.expressions.predicate", lambda found: lambda value: not asked.update([found.right])
    )
    common = "s.other glob *a?b*"
    matcher = Matcher([rule(str(n), f"n.uint64 >= {n} and {common} and n.int64 = {n}") for n in range(1, 20)])
    events = [Happening({"n.uint64": 5, "s.other": "x", "n.int64": 5}), Happening({"n.uint64": 0, "s.other": "x"})]
    counts = []
    for event in (*events, *events):
        asked.clear()
        matcher.match(event)
        counts.append(asked["*a?b*"])

    assert [1, 0] == counts[2:]


def test_what_is_generated_is_bounded(monkeypatch):
    """Functions of rules are thrown away when there are too many, and the search goes on as before."""
    monkeypatch.setattr(matching, "FEW", 0)
    monkeypatch.setattr("falcohost.engine.index.indexed.LIMIT", 10)
    rules = [rule(str(number), f"n.uint64 = {number} and s.text = a") for number in range(200)]
    matcher = Matcher(rules)
    for number in (*range(200), *range(200)):
        found = matcher.match(Happening({"n.uint64": number, "s.text": "a"}))

        assert [str(number)] == [one.name for one in found]
    assert len(matcher._searches.of("open")._rules) <= 11


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("chain", [And, Or])
def test_what_rules_have_in_common_may_be_deep(few, chain, monkeypatch):
    """Conditions as deep as the type check allows can be shared, at every depth, and still compile."""
    monkeypatch.setattr(matching, "FEW", few)
    leaf = check(parse("s.text exists"), CATALOG).expr
    expr, rules = leaf, []
    for level in range(190):
        expr = Not(expr) if level % 3 == 2 else (Or if (chain is And) is bool(level % 2) else And)((expr, leaf, leaf))
        rules.append(rule(str(level), And((expr, check(parse(f"n.int64 != {level}"), CATALOG).expr))))
    matcher = Matcher(rules, first=False)
    for values in ({"n.int64": 5}, {"n.int64": 5, "s.text": "a"}):
        expected = [found.name for found in rules if evaluate(found.condition, Happening(values))]

        assert expected == [found.name for found in matcher.match(Happening(values))]

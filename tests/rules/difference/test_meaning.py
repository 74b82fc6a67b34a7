"""Whether two conditions match the same events."""

import pytest
from generated import condition, event
from hypothesis import given
from hypothesis import strategies as st
from interpreter import evaluate
from world import CATALOG, compiled

from falcohost.engine.ir import And, Check, Exists, Not, Or
from falcohost.engine.operands import value_type
from falcohost.engine.typecheck import check
from falcohost.fields import Compare
from falcohost.rules.difference import diagram
from falcohost.rules.difference.meaning import Relation, compare

randoms = st.randoms(use_true_random=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("s.text in (a, b)", "s.text in (b, a, b)"),
        ("s.text in (a, b)", "s.text = b or s.text = a"),
        ("s.text = a and s.other = b", "not (not s.other = b or not s.text = a)"),
        (
            "s.text = a and (s.other = b or n.uint64 = 1)",
            "(s.text = a and s.other = b) or (n.uint64 = 1 and s.text = a)",
        ),
        ("not s.text in (a, b)", "not s.text = a and not s.text = b"),
        ("s.text != a", "s.text exists and not s.text = a"),
        ("s.text startswith anyof (a, b)", "s.text startswith b or s.text startswith a"),
        ("s.text contains allof (a, b)", "s.text contains b and s.text contains a"),
        ("s.text contains oneof (a, b)", "s.text contains oneof (b, a)"),
        ("s.path pmatch (/a, /b)", "s.path pmatch (/b) or s.path pmatch (/a)"),
        ("l.texts in (a, b)", "l.texts in (b, a)"),
        ("l.texts intersects (a, b)", "l.texts intersects (a) or l.texts intersects (b)"),
        ("s.text icontains aB", "s.text icontains Ab"),
        ("s.text = a and evt.num >= 0", "s.text = a"),
        ("s.text = a and not s.other in ()", "s.text = a"),
        ("s.text = a and evt.dir = <", "s.text = a"),
        ("s.text = a or (s.text = a and s.other = b)", "s.text = a"),
        ("s.text = a and s.text exists", "s.text = a"),
        ("s.index[0] = a", "s.index[00] = a"),
    ],
)
def test_same(old, new):
    """Two spellings of one meaning are the same."""
    assert Relation.SAME is compare(compiled(old), compiled(new)).relation


@pytest.mark.parametrize(
    ("old", "new", "relation", "added", "removed"),
    [
        ("s.text in (a, b)", "s.text in (a, b, c)", Relation.WIDER, ("s.text = c",), ()),
        ("s.text = a", "s.text = a and s.other = b", Relation.NARROWER, ("s.other = b",), ()),
        ("s.text = a", "s.text = b", Relation.OTHER, ("s.text = b",), ("s.text = a",)),
        ("s.text = a and not s.other = b", "s.text = a", Relation.WIDER, (), ("not s.other = b",)),
        ("not s.text = a", "s.text != a", Relation.NARROWER, ("s.text exists",), ()),
        ("l.texts in (a, b)", "l.texts in (a)", Relation.OTHER, ("l.texts in (a)",), ("l.texts in (a, b)",)),
        ("s.text contains oneof (a, b)", "s.text contains anyof (a, b)", Relation.OTHER, None, None),
        ("s.text = a or s.other = b", "s.text = a and s.other = b", Relation.NARROWER, (), ()),
        ("s.text startswith a", "s.text startswith ab", Relation.NARROWER, ("s.text startswith ab",), None),
    ],
)
def test_other(old, new, relation, added, removed):
    """What matches more, fewer or other events is told, with the checks that are new or gone."""
    found = compare(compiled(old), compiled(new))

    assert relation is found.relation
    assert added in (None, found.added)
    assert removed in (None, found.removed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("any.name contains allof (a, b)", "any.name contains a and any.name contains b"),
        ("end.port != anyof (80, 443)", "end.port != 80 or end.port != 443"),
        ("s.text contains A", "s.text contains a"),
        ("l.texts in (a, b)", "l.texts in (a) or l.texts in (b)"),
    ],
)
def test_not_the_same(old, new):
    """What only looks like another spelling is not the same."""
    assert Relation.SAME is not compare(compiled(old), compiled(new)).relation


def test_long_lists():
    """Lists of thousands of items are compared, item by item."""
    items = [f"i{number}" for number in range(5000)]
    old, new = (f"s.text in ({', '.join(given)})" for given in (items, reversed(items)))

    assert Relation.SAME is compare(compiled(old), compiled(new)).relation
    assert ("s.text = more",) == compare(compiled(old), compiled(f"{new} or s.text = more")).added


def test_too_large(monkeypatch):
    """What is too large to compare counts as changed, unless it differs in order only."""
    monkeypatch.setattr(diagram, "MOST_NODES", 4)
    old, new = "s.text = a and s.other = b and n.uint64 = 1", "n.uint64 = 1 and s.text = a and s.other = b"

    assert Relation.SAME is compare(compiled(old), compiled(new)).relation
    assert Relation.UNKNOWN is compare(compiled(old), compiled(f"not ({new})")).relation


@given(randoms)
def test_law(random):
    """Where two conditions are said to match the same events, or more, or fewer, they do so for every random event."""
    old = check(condition(random), CATALOG).expr
    new = other(random, old) if random.random() < 0.8 else check(condition(random), CATALOG).expr
    relation = compare(old, new).relation
    for _ in range(10):
        happening = event(random, [old, new])
        before, after = evaluate(old, happening), evaluate(new, happening)

        assert before == after or relation is not Relation.SAME
        assert after or not before or relation is not Relation.WIDER
        assert before or not after or relation is not Relation.NARROWER


@given(randoms)
def test_spellings(random):
    """A condition that is only written otherwise is the same."""
    old = check(condition(random), CATALOG).expr
    new = spelled(random, old)

    assert compare(old, new).relation in (Relation.SAME, Relation.UNKNOWN)


def other(random, expr):
    """Return a condition near *expr*: parts are left out, negated, joined otherwise, or have other values."""
    if isinstance(expr, Not):
        return other(random, expr.item) if random.random() < 0.2 else Not(other(random, expr.item))
    if isinstance(expr, (And, Or)):
        kind = random.choice((And, Or)) if random.random() < 0.2 else type(expr)
        items = tuple(other(random, item) for item in expr.items if random.random() < 0.9)
        return kind(items)
    if isinstance(expr, Check) and isinstance(expr.right, tuple) and expr.right and random.random() < 0.5:
        return Check(expr.left, expr.op, expr.right[1:], expr.modifier)
    return Exists(expr.left) if random.random() < 0.1 else spelled(random, expr)


def spelled(random, expr):
    """Return *expr*, written otherwise."""
    if isinstance(expr, Not):
        return Not(spelled(random, expr.item))
    if isinstance(expr, (And, Or)):
        items = [spelled(random, item) for item in expr.items]
        random.shuffle(items)
        if random.random() < 0.3:
            kind = Or if isinstance(expr, And) else And
            return Not(kind(tuple(map(Not, items))))
        return type(expr)((*items, *items[:1]))
    if isinstance(expr, Check) and isinstance(expr.right, tuple) and expr.op in ("in", "pmatch") and not expr.modifier:
        kind = value_type(expr.left)
        if not kind.is_list and kind.compare is Compare.SCALAR and expr.right:
            return Or(tuple(Check(expr.left, expr.op, (value,)) for value in reversed(expr.right)))
    return expr

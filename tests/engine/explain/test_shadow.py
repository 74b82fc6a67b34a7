"""Rules that are never reported, since one before them matches whenever they do."""

from dataclasses import replace

import generated
import pytest
from generated import condition, event, some
from hypothesis import given
from hypothesis import strategies as st
from interpreter import evaluate
from world import CATALOG, compiled, rule

from falcohost.engine.explain.implication import Prover
from falcohost.engine.explain.shadow import shadows
from falcohost.engine.ir import And, Check, Exists, Not, Or
from falcohost.engine.operands import value_type
from falcohost.engine.typecheck import check

randoms = st.randoms(use_true_random=True)


def implies(condition, other):
    """Tell whether it is proved that *condition* implies *other*."""
    prover = Prover()
    return prover.implies(prover.known(condition), prover.known(other))


@pytest.mark.parametrize(
    ("condition", "other"),
    [
        ("s.text = a", "s.text = a"),
        ("s.text = a and s.other = b", "s.text = a"),
        ("s.text = a", "s.text = a or s.other = b"),
        ("s.text in (a, b)", "s.text in (b, c, a)"),
        ("s.text = a", "s.text exists"),
        ("s.text = /a/b", "s.text startswith /a"),
        ("s.text in (ax, ay)", "s.text glob a*"),
        ("s.text = a", "s.text != b"),
        ("s.text startswith abc", "s.text startswith ab"),
        ("s.text endswith abc", "s.text endswith bc"),
        ("s.text contains abc", "s.text contains b"),
        ("s.path pmatch (/a)", "s.path pmatch (/b, /a)"),
        ("n.uint64 = 7", "n.uint64 >= 5"),
        ("ip.net in (10.0.0.0/8)", "ip.net in (10.0.0.0/8, 11.0.0.0/8)"),
        ("not s.text exists", "not s.text = a"),
        ("(s.text = a or s.text = b) and s.other = c", "s.other = c and s.text in (a, b)"),
        ("any.name = a", "any.name exists"),
        ("tolower(s.text) = a", "tolower(s.text) in (a, b)"),
        ("s.text = cat", "not s.text in (sshd, su)"),
        ("s.text in (ab, cb)", "not s.text startswith b"),
    ],
)
def test_proved(condition, other):
    """The first condition implies the second, and not the other way round unless they are equal."""
    assert implies(compiled(condition), compiled(other))
    assert condition == other or not implies(compiled(other), compiled(condition))


@pytest.mark.parametrize(
    ("condition", "other"),
    [
        ("s.text = a", "s.other = a"),
        ("s.text = a or s.other = b", "s.text = a"),
        ("not s.text = a", "s.text != a"),
        ("s.text != a", "s.text in (b)"),
        ("end.ip = 10.0.0.1", "end.ip != 10.0.0.2"),
        ("s.key[a] = 1", "s.key[b] = 1"),
        ("s.text contains ab", "s.text startswith ab"),
        ("l.texts in (a)", "l.texts intersects (b)"),
        ("ip.net = 10.0.0.0/8", "ip.net != 11.0.0.0/8"),
        ("s.text iglob A*", "s.text glob A*"),
        ("s.text = su", "not s.text in (sshd, su)"),
        ("s.text startswith a", "not s.text = b"),
        ("ip.addr = 10.0.0.1", "not ip.addr = 10.0.0.2"),
    ],
)
def test_not_proved(condition, other):
    """The first condition does not imply the second."""
    assert not implies(compiled(condition), compiled(other))


@given(randoms)
def test_what_is_proved_is_so(random):
    """Where one condition is said to imply another, no event fulfils the first alone."""
    expr = check(condition(random), CATALOG).expr
    other = weaker(random, expr) if random.random() < 0.8 else check(condition(random), CATALOG).expr
    if not implies(expr, other):
        return
    for _ in range(10):
        happening = event(random, [expr])

        assert not evaluate(expr, happening) or evaluate(other, happening)


@given(randoms)
def test_what_is_proved_of_two_checks_is_so(random):
    """Where a check, or its negation, is said to imply one of the same field, no event fulfils the first alone."""
    found = [check(generated.check(random), CATALOG).expr for _ in range(2)]
    left, right = found[0], replace(found[1], left=found[0].left) if _alike(*found) else found[1]
    for one, other in ((left, right), (left, Not(right)), (Not(left), right), (Not(left), Not(right))):
        if implies(one, other):
            for _ in range(4):
                happening = event(random, found)

                assert not evaluate(one, happening) or evaluate(other, happening)


def _alike(left, right):
    """Tell whether two checks are of the same type, so that one may be of the other's field."""
    return value_type(left.left) == value_type(right.left)


def weaker(random, expr):
    """Return a condition that is often implied by *expr*."""
    if isinstance(expr, And):
        return And(tuple(weaker(random, item) for item in expr.items if random.random() < 0.7))
    if isinstance(expr, Or):
        return Or((*(weaker(random, item) for item in expr.items), check(condition(random, 1), CATALOG).expr))
    if isinstance(expr, Not):
        return expr
    if isinstance(expr, Check) and random.random() < 0.3:
        return Exists(expr.left)
    if isinstance(expr, Check) and isinstance(expr.right, tuple) and expr.right:
        return Check(expr.left, expr.op, (*expr.right, *some(random, lambda: random.choice(expr.right))), expr.modifier)
    return expr


def test_shadows():
    """Each shadowed rule is named with the first rule that shadows it; rules that match nothing are not."""
    rules = [
        rule("wide", "evt.type = open and s.text in (a, b)"),
        rule("narrow", "evt.type = open and s.text = a and s.other = c"),
        rule("again", "evt.type = open and s.text = a"),
        rule("other type", "evt.type = close and s.text = a"),
        rule("never", "evt.type = open and evt.num = 0 and s.text = a"),
    ]

    assert [("narrow", "wide"), ("again", "wide")] == [(one.rule.name, one.by.name) for one in shadows(rules)]


def test_order_counts():
    """A rule is not shadowed by one that comes after it."""
    assert not list(shadows([rule("narrow", "s.text = a"), rule("wide", "s.text in (a, b)")]))

"""IR in the rule language's words."""

import pytest
from generated import condition, event
from hypothesis import assume, given
from hypothesis import strategies as st
from interpreter import evaluate
from world import CATALOG, compiled

from falcohost.engine.ir import And, Or
from falcohost.engine.shown import shown
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost.lang.printer import to_text
from falcohost.lang.syntax import ConditionSyntaxError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s.text=a and (s.other = b or not s.path = c)", "s.text = a and (s.other = b or not s.path = c)"),
        ("not (s.text = a and s.other = b)", "not (s.text = a and s.other = b)"),
        ("s.text in (a, 'b c', \"\")", 's.text in (a, "b c", "")'),
        ("s.text startswith anyof (a, b)", "s.text startswith anyof (a, b)"),
        ("s.key[k] exists", "s.key[k] exists"),
        ("b.flag = true and n.int64 >= -1", "b.flag = true and n.int64 >= -1"),
        ("buf.data bcontains 6162 and buf.data = ab", "buf.data bcontains 6162 and buf.data = ab"),
        ('buf.data endswith allof ("")', 'buf.data endswith allof ("")'),
        ("ip.net = 10.0.0.0/8", "ip.net = 10.0.0.0/8"),
        ("tolower(s.text) = val(s.other)", "tolower(s.text) = val(s.other)"),
        ("len(l.texts) > 1", "len(l.texts) > 1"),
    ],
)
def test_conditions_are_shown_as_rules_write_them(text, expected):
    """Brackets stand where they must, quotes around what needs them."""
    assert expected == shown(compiled(text))


def test_what_has_no_parts_is_true_or_false():
    """An empty conjunction is true, an empty disjunction false."""
    assert ("true", "false") == (shown(And(())), shown(Or(())))


@given(st.randoms(use_true_random=True))
def test_what_is_shown_means_the_same(random):
    """A condition that is shown, and read again, is the same condition, if it can be written at all."""
    node = condition(random)
    expr = check(node, CATALOG).expr
    try:
        parse(to_text(node))
    except ConditionSyntaxError:
        assume(False)

    again = check(parse(shown(expr)), CATALOG).expr
    for _ in range(8):
        happening = event(random, [expr])

        assert evaluate(expr, happening) is evaluate(again, happening), shown(expr)

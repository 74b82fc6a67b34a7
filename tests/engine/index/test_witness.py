"""Witnesses of conditions, in the rule language's words, and what an index knows of them."""

import pytest
from world import compiled, rule

from falcohost.engine.index.terms import Form, terms_of
from falcohost.engine.index.weights import Weights
from falcohost.engine.index.witness import Kind, witness, witnesses


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("s.text = abcdef", ["s.text = abcdef"]),
        ("s.text = a and s.other startswith b", ["s.text = a", "s.other startswith b"]),
        ("s.text = a or s.other in (b, c)", ["s.text = a or s.other in (b, c)"]),
        ("s.text = a or (s.other = bbbbbb and s.path = c)", ["s.text = a or s.other = bbbbbb"]),
        ("s.text = a or not s.other = b", []),
        ("not s.text = a", []),
        ("not s.text = a and s.other = b", ["s.other = b"]),
        ("s.text exists", ["s.text exists"]),
        ("n.int64 > 3", ["n.int64 > 3"]),
        ("tolower(s.text) contains abc", ["tolower(s.text) contains abc"]),
    ],
)
def test_each_check_that_must_hold_is_a_witness(condition, expected):
    """A conjunction has its parts' witnesses, a disjunction the rarest of every branch, a negation none."""
    assert expected == [str(found) for found in witnesses(compiled(condition), Weights())]


@pytest.mark.parametrize(
    ("condition", "event_type", "expected"),
    [
        ("evt.type in (open, close) and s.text = abc", "open", "s.text = abc"),
        ("(evt.type = open and s.text = abc) or (evt.type = close and s.other = b)", "close", "s.other = b"),
        ("s.text = a and s.other = something-long", None, "s.other = something-long"),
        ("not s.text = a", "open", "None"),
        ("s.text = a and evt.num = 0", "open", "false"),
    ],
)
def test_a_rule_has_a_witness_for_each_event_type(condition, event_type, expected):
    """Checks decided by the event type are not part of the witness; if a rule never matches, it has no terms."""
    assert expected == str(witness(rule("r", condition), event_type))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("s.text = a", [(Kind.EQUAL, Form.PLAIN, ("a",))]),
        ("s.text in (a, b, a)", [(Kind.EQUAL, Form.PLAIN, ("a", "b"))]),
        ("s.text startswith oneof (a, b)", [(Kind.PREFIX, Form.PLAIN, ("a", "b"))]),
        ("s.text endswith allof (ab, b)", [(Kind.SUFFIX, Form.PLAIN, ("ab",))]),
        ("s.text contains ''", [(Kind.TEST, Form.PLAIN, ())]),
        ("s.text icontains aB", [(Kind.SUBSTRING, Form.FOLDED, ("ab",))]),
        ("s.text != a", [(Kind.TEST, Form.PLAIN, ())]),
        ("s.text = val(s.other)", [(Kind.TEST, Form.PLAIN, ())]),
        ("s.text glob /home/*/.ssh/*", [(Kind.SUBSTRING, Form.PLAIN, ("/.ssh/",))]),
        ("s.text glob *a/long-end", [(Kind.SUFFIX, Form.PLAIN, ("a/long-end",))]),
        ("s.text glob a*middle*", [(Kind.SUBSTRING, Form.PLAIN, ("middle",))]),
        ("s.text glob plain", [(Kind.EQUAL, Form.PLAIN, ("plain",))]),
        ("s.text iglob Ab*", [(Kind.PREFIX, Form.FOLDED, ("ab",))]),
        ("s.text glob [ab]", [(Kind.TEST, Form.PLAIN, ())]),
        ("s.text regex '/etc/[a-z]+.*'", [(Kind.PREFIX, Form.PLAIN, ("/etc/",))]),
        ("s.text regex '(a|b).*'", [(Kind.TEST, Form.PLAIN, ())]),
        ("s.path pmatch (/etc/ssh, /a/*/b)", [(Kind.PREFIX, Form.PATH, ("etc/ssh/", "a/"))]),
        ("s.path pmatch (/*)", [(Kind.TEST, Form.PLAIN, ())]),
        ("buf.data bcontains 6162", [(Kind.SUBSTRING, Form.LATIN, ("ab",))]),
        ("ip.addr = 128.0.0.1", [(Kind.PREFIX, Form.BITS, ("41" + "0" * 30 + "1",))]),
        ("ip.net = 192.0.0.0/2", [(Kind.PREFIX, Form.BITS, ("411",))]),
        ("end.port != 80", [(Kind.TEST, Form.PLAIN, ())]),
        ("l.texts in (a)", [(Kind.EQUAL, Form.PLAIN, ("a",))]),
        ("getopt(l.texts, 'ab') in (a)", [(Kind.TEST, Form.PLAIN, ())]),
        ("s.text in ()", []),
    ],
)
def test_checks_are_known_by_values_where_they_can_be(condition, expected):
    """Equality, sets, prefixes, suffixes and substrings are looked up; all else is a test."""
    assert expected == [(term.kind, term.form, term.values) for term in terms_of(compiled(condition))]


def test_values_that_many_rules_name_are_likely():
    """Of two values of one length, the one in more rules is the likelier to be met; a long text is rare."""
    texts = ["s.text = bash", *(f"s.text = bash and s.other = x{number}" for number in range(50)), "s.text = nope"]
    weights = Weights(map(compiled, texts))
    often, seldom, long = (
        weights.likelihood(terms_of(compiled(f"s.text = {value}"))[0]) for value in ("bash", "nope", "n" * 40)
    )

    assert often > seldom > long

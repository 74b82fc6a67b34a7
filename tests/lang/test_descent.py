"""Parsing by descent makes the trees that Lark makes of the grammar."""

import contextlib
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lark import UnexpectedInput
from msgspec import Struct

from falcohost.lang import descent
from falcohost.lang.parser import _lark, parse
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import Pos


def both(text):
    """Return what Lark makes of *text*, and what descent does; None where it is not a condition."""
    try:
        expected = _lark().parse(text, start="start")
    except (UnexpectedInput, ConditionSyntaxError):
        expected = None
    return expected, descent.parse(text)


def both_operands(text):
    """Do the same for *text* as an operand."""
    try:
        expected = _lark().parse(text, start="operand")
    except (UnexpectedInput, ConditionSyntaxError):
        expected = None
    return expected, descent.parse_operand(text)


def places(node):
    """Return the positions in a tree, which equality leaves out."""
    if isinstance(node, tuple):
        return [place for item in node for place in places(item)]
    if isinstance(node, Pos) or not isinstance(node, Struct):
        return [node]
    return [place for name in node.__struct_fields__ for place in places(getattr(node, name))]


def test_descent_reads_real_conditions_as_lark_does(corpus):
    """Trees and positions of all public conditions are Lark's."""
    texts = [
        item["condition"]
        for path in sorted((corpus / "rules").glob("*.yaml"))
        for item in yaml.safe_load(path.read_text())
        if isinstance(item.get("condition"), str)
    ]
    pairs = [both(text) for text in texts]

    assert len(pairs) > 300
    assert [(places(one), one) for one, _ in pairs] == [(places(other), other) for _, other in pairs]
    assert 0.9 < sum(one is not None for one, _ in pairs) / len(pairs)


PIECES = (
    *("and ", "or ", "not ", "and(", "or(", "not(", "(", ")", " ", "\n", ",", "[", "]", "in ", "exists", "= ", "<"),
    *("proc.name", "fd.num", "evt.arg[flags]", "proc.aname[2]", "a", "12", "0x1f", "'q x'", '"q\\"x"', "'", "%", "é"),
    *("(a, b)", "('x y',z\n)", "()", "tolower(", "val(proc.name)", "len(", "getopt(", "contains ", "oneof ", "!="),
    *("proc.name = a", "evt.type in (open, close)", "proc.cmdline contains 'x'", "join(',', (fd.name, proc.name))"),
)
WORDS = st.sampled_from(PIECES)


@given(st.lists(WORDS, max_size=14))
def test_descent_reads_what_lark_reads(words):
    """Of any text descent makes what Lark makes, or nothing where Lark finds an error."""
    expected, found = both("".join(words))

    assert (expected, places(expected)) == (found, places(found))


@given(st.lists(WORDS, max_size=8))
def test_descent_reads_the_operands_that_lark_reads(words):
    """The same goes for a field or transformer alone, as outputs and exceptions have them."""
    expected, found = both_operands("".join(words))

    assert (expected, places(expected)) == (found, places(found))


@pytest.mark.parametrize(
    "nested", ["(" * 5000 + "a.b exists" + ")" * 5000, "a.b = " + "tolower(" * 5000 + "c.d" + ")" * 5000]
)
def test_what_nests_too_deep_for_descent(nested):
    """It is left to Lark, which does not recurse."""
    assert descent.parse(nested) is None
    with contextlib.suppress(ConditionSyntaxError):
        parse(nested)


def test_lark_is_not_loaded_without_an_error():
    """A condition without a mistake is read without Lark, whose tables take longer than many rules."""
    code = "import sys; from falcohost.lang.parser import parse; parse('not a.b = 1'); print('lark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"

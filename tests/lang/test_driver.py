"""The driver of Lark's tables makes the trees that Lark makes."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lark import UnexpectedInput

from falcohost.lang import parser
from falcohost.lang.driver import Driver
from falcohost.lang.parser import _lark, parse
from falcohost.lang.syntax import ConditionSyntaxError


def both(text, start="start"):
    """Return what Lark makes of *text*, and what the driver of its tables does; None where it is not a condition."""
    try:
        expected = _lark().parse(text, start=start)
    except UnexpectedInput:
        expected = None
    except ConditionSyntaxError as error:
        with pytest.raises(ConditionSyntaxError, match=re.escape(str(error))):
            Driver(_lark()).parse(text, start)
        return None, None
    return expected, Driver(_lark()).parse(text, start)


def places(node):
    """Return the positions in a tree, which equality leaves out."""
    if isinstance(node, tuple):
        return [place for item in node for place in places(item)]
    if not hasattr(node, "__dataclass_fields__"):
        return [node]
    return [place for name in node.__dataclass_fields__ for place in places(getattr(node, name))]


def test_the_driver_reads_real_conditions_as_lark_does(corpus):
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
def test_the_driver_reads_what_lark_reads(words):
    """Of any text the driver makes what Lark makes, or nothing where Lark finds an error."""
    expected, found = both("".join(words))

    assert (expected, places(expected)) == (found, places(found))


def test_another_version_of_lark(monkeypatch):
    """Where Lark's tables look different, Lark parses."""
    monkeypatch.setattr(parser, "_driver", lambda: None)

    assert parse("a.b = 1 and not c.d exists") == both("a.b = 1 and not c.d exists")[1]

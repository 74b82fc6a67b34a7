"""Conditions about events of which only the beginning of some values is known."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost import Field, FieldType, UnknownValueError
from falcohost.engine.beginnings import opened
from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.template import Template
from falcohost.engine.typecheck import check
from falcohost.engine.unknown import certain, possible
from falcohost.fields import Compare
from falcohost.lang.parser import parse


@dataclass
class Event:
    """One with a command line of which *known* characters are known, or all (None)."""

    line: str
    known: int | None
    type: str = "exec"

    def whole(self) -> str:
        """Return the line.

        :raises UnknownValueError: not all of it is known.
        """
        if self.known is not None:
            raise UnknownValueError
        return self.line

    def beginning(self) -> str:
        """Return what is known of it."""
        return self.line[: self.known]


CATALOG = Catalog(
    "test",
    [
        Field(
            name="x.line",
            type=FieldType.CHARBUF,
            description="The line.",
            get=lambda e, _: e.whole(),
            known=lambda e, _: e.beginning(),
        ),
        Field(
            name="x.length",
            type=FieldType.UINT64,
            description="Its length.",
            get=lambda e, _: len(e.whole()),
            known=lambda e, _: len(e.beginning()),
        ),
        Field(
            name="x.lines",
            type=FieldType.CHARBUF,
            description="The line, one of several.",
            get=lambda e, _: (e.whole(), "other"),
            known=lambda e, _: (e.beginning(), "other"),
            compare=Compare.ANY_OF,
        ),
        Field(name="x.kind", type=FieldType.CHARBUF, description="Known.", get=lambda e, _: e.type),
    ],
)

_TEXTS = st.text("ab", max_size=6)
_OPS = ("=", "!=", "contains", "icontains", "startswith", "endswith", "glob")


@st.composite
def conditions(draw, depth: int = 2) -> str:
    """Return the text of a condition."""
    form = draw(st.sampled_from(("check", "in", "exists", "number", "kind", "not", "and", "or")))
    if depth and form == "not":
        return f"not ({draw(conditions(depth - 1))})"
    if depth and form in ("and", "or"):
        return f"({draw(conditions(depth - 1))}) {form} ({draw(conditions(depth - 1))})"
    field = draw(st.sampled_from(("x.line", "x.lines", "toupper(x.line)")))
    if form == "in":
        return f"{field} in ('{draw(_TEXTS)}', '{draw(_TEXTS)}')"
    if form == "exists":
        return "x.line exists"
    if form == "number":
        return f"x.length {draw(st.sampled_from(('=', '>', '<=')))} {draw(st.integers(0, 8))}"
    if form == "kind":
        return f"x.kind = {draw(st.sampled_from(('exec', 'other')))}"
    text = draw(_TEXTS) or "a"
    op = draw(st.sampled_from(_OPS))
    return f"{field} {op} '{text}{'*' if op == 'glob' else ''}'"


@given(conditions(), st.text("ab", max_size=8), st.integers(0, 8))
def test_what_is_decided_is_so(text, line, known):
    """Wherever a value was cut: a certain result holds for the whole value, an impossible one does not."""
    expr = check(parse(text), CATALOG).expr
    truth = compile_condition(expr)(Event(line, None))
    cut = Event(line, min(known, max(len(line) - 1, 0)))
    must, may = (compile_condition(form(opened(expr)))(cut) for form in (certain, possible))

    assert must <= truth <= may


@given(conditions(), st.text("ab", max_size=8))
def test_what_is_known_is_decided(text, line):
    """Where the whole value is known, so is what a condition says of it."""
    expr = check(parse(text), CATALOG).expr
    forms = [compile_condition(form(opened(expr))) for form in (certain, possible)]

    assert [compile_condition(expr)(Event(line, None))] * 2 == [form(Event(line, None)) for form in forms]


@pytest.mark.parametrize(
    ("text", "must", "may"),
    [
        ("x.line contains aab", True, True),
        ("x.line contains bbb", False, True),
        ("not x.line contains bbb", False, True),
        ("x.line startswith ab", False, False),
        ("not x.line startswith ab", True, True),
        ("x.line = ab", False, False),
        ("x.line in (a, aaba)", False, False),
        ("x.line != ab", True, True),
        ("x.line endswith x", False, True),
        ("x.line endswith x and x.kind = other", False, False),
        ("x.line exists", True, True),
        ("x.length > 0", False, True),
    ],
)
def test_beginning(text, must, may):
    """The known beginning is used, so that few conditions are left undecided."""
    expr = opened(check(parse(text), CATALOG).expr)

    assert [must, may] == [compile_condition(form(expr))(Event("aabaaaaaaaaa", 6)) for form in (certain, possible)]


def test_outputs():
    """Outputs show what is known."""
    template = Template.parse("%x.line %x.length %toupper(x.line)", CATALOG)

    assert ("aab 3 AAB", {"x.line": "aab", "x.length": 3}) == template.filled(Event("aabbb", 3))
    assert template.same(Event("aabbb", 3)) == template.same(Event("aabcc", 3))

"""Tests the description of the parts of a record that are decoded for a rule."""

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.fields import Field, FieldType
from falcohost.jsonlog import JSON_FIELDS, pushed
from falcohost.lang.parser import parse

FIELDS = (
    Field(name="a.name", type=FieldType.CHARBUF, description="", path='who["full.name"].text'),
    Field(name="a.two", type=FieldType.CHARBUF, description="", get=lambda event, arg: None, reads=("x.y", "z")),
    Field(name="a.all", type=FieldType.CHARBUF, description="", get=lambda event, arg: None),
)
CATALOG = Catalog("test", (*GENERIC_FIELDS, *JSON_FIELDS, *FIELDS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.name = b and a.two exists", 'decoded for the rule: who["full.name"].text, x.y, z'),
        ("json.value[/a/b] = c", "decoded for the rule: a.b"),
        ("a.name = b and a.all = c", "is decoded completely, for a.all"),
        ("evt.num > 7", "decoded for the rule: nothing"),
    ],
)
def test_told(text, expected):
    """The paths that the fields of the condition read are told, or why the whole record is decoded."""
    assert [("each record", expected)] == list(pushed(Plan("test", condition=check(parse(text), CATALOG).expr)))


def test_without_a_condition():
    """Without a condition everything is decoded."""
    assert [("each record", "is decoded completely")] == list(pushed(Plan("test")))

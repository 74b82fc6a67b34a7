"""Generated code that reads a field without its getter finds what the getter finds."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.code.module import Module
from falcohost.engine.code.reads import call, read
from falcohost.engine.ir import FieldRef
from falcohost.engine.paths import getter, placed, text_getter, value_getter
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.jsonlog.fields import JSON_FIELDS

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "é"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "0", "a.b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.sampled_from(["a", "b", "0", "a.b"]), VALUES, max_size=3)
PATHS = ["a", "a.b", "a.b.a", "a.b.a.b", '["a.b"].a']


def field(**given):
    """Return a text field."""
    return Field(name="x.y", type=FieldType.CHARBUF, description="Something.", **given)


def shown(value, arg):
    """Return a list that tells of a value and an argument; empty for a number."""
    return () if isinstance(value, int) else (json.dumps(value), repr(arg))


REFS = [
    *(FieldRef(field(path=path), None, "x.y") for path in PATHS),
    *(FieldRef(field(get=text_getter(path)), None, "x.y") for path in PATHS),
    *(FieldRef(field(get=value_getter(path, shown), is_list=True), None, "x.y") for path in PATHS),
    *(FieldRef(field(get=value_getter(path, shown), arg=ArgKind.INDEX, is_list=True), 1, "x.y[1]") for path in PATHS),
    *(
        FieldRef(JSON_FIELDS[0], where, f"x[{where}]")
        for where in ("/a", "a", "/a/b", "/a/0", "/0", "/0/a", "/a~1b", "")
    ),
]


def compiled(write, ref):
    """Return the function with the source that *write* writes for *ref*."""
    module = Module()
    name = module.function([f"    return {write(module.names, ref)}"])
    return module.functions()[name]


READERS = [(ref, compiled(read, ref), compiled(call, ref)) for ref in REFS]


@given(RECORDS)
def test_what_is_read_is_what_the_getter_returns(record):
    """Whatever stands in a record, and of whatever type: a text, null, an object where a text is expected, nothing."""
    event = SimpleNamespace(record=record)
    for ref, reads, calls in READERS:
        expected = getter(ref.field)(event, ref.arg)
        expected = expected or None if ref.field.is_list else expected

        assert (expected, expected) == (reads(event), calls(event)), ref


def raises(event, arg):
    """Fail: it is not to be called."""
    raise AssertionError


def test_a_getter_that_says_where_its_value_is_is_not_called_for_a_text():
    """Only the place is used while a text is there, or nothing; of other values the getter makes what it likes."""
    place = text_getter("a.b").place
    reads = compiled(read, FieldRef(field(get=placed(raises, place)), None, "x.y"))

    assert reads(SimpleNamespace(record={"a": {"b": "x"}})) == "x"
    assert reads(SimpleNamespace(record={"a": {}})) is None
    assert reads(SimpleNamespace(record={"a": 1})) is None
    with pytest.raises(AssertionError):
        reads(SimpleNamespace(record={"a": {"b": 1}}))


def test_another_getter_of_the_same_field_is_called():
    """A field with another getter, as for what is known of its value, is read by that."""
    other = replace(field(get=text_getter("a")), get=lambda event, arg: "other")

    assert compiled(read, FieldRef(other, None, "x.y"))(SimpleNamespace(record={"a": "x"})) == "other"

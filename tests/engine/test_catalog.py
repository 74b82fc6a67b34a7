"""Fields by name: dotted names, arguments, near names, and Falco's messages where there is none."""

import pytest
from world import CATALOG, FIELDS, row

from falcohost.engine.catalog import Catalog, FieldArgumentError, UnknownField
from falcohost.errors import PluginError
from falcohost.fields import ArgKind, Field, FieldType

PLUGIN = Catalog("k8s_audit", FIELDS)


@pytest.mark.parametrize(
    ("name", "arg", "field", "parsed"),
    [
        ("s.text", None, "s.text", None),
        ("s.text.more", None, "s.text.more", None),
        ("evt.arg.flags", None, "evt.arg", "flags"),
        ("evt.arg", "flags", "evt.arg", "flags"),
        ("s.key", "3", "s.key", "3"),
        ("s.key", "a b", "s.key", "a b"),
        ("any.name", "2", "any.name", 2),
        ("any.name", "00", "any.name", 0),
    ],
)
def test_a_field_is_found_with_its_argument(name, arg, field, parsed):
    """A name with its argument in brackets, or behind the dot of a dotted field, gives the field and the argument."""
    found = CATALOG.resolve(name, arg)

    assert (field, parsed) == (found.field.name, found.arg)


@pytest.mark.parametrize(
    ("name", "arg", "text"),
    [
        ("s.text", None, "s.text"),
        ("evt.arg.flags", None, "evt.arg.flags"),
        ("any.name", "2", "any.name[2]"),
        ("s.key", "a b", 's.key["a b"]'),
        ("s.key", "", 's.key[""]'),
        ("s.key", 'a"b', 's.key["a\\"b"]'),
    ],
)
def test_the_text_of_a_field_is_how_falco_prints_it(name, arg, text):
    """The text of a reference has its argument in quotes only where it needs them."""
    assert text == CATALOG.resolve(name, arg).text


def test_references_that_read_the_same_value_are_equal():
    """``[0]`` and ``[00]`` are equal and hash the same; another argument or field is not."""
    zero, same, one = (CATALOG.resolve("any.name", arg) for arg in ("0", "00", "1"))

    assert (zero, hash(zero)) == (same, hash(same))
    assert zero != one


@pytest.mark.parametrize(
    ("name", "arg", "message"),
    [
        ("s.txt", None, "filter_check called with nonexistent field s.txt"),
        ("evt.argflags", None, "filter_check called with nonexistent field evt.argflags"),
        ("s.text", "1", "filter_check called with nonexistent field s.text[1]"),
        ("any.name", "x", "filter_check called with nonexistent field any.name[x]"),
        ("evt.arg.flags", "0", "filter_check called with nonexistent field evt.arg.flags[0]"),
    ],
)
def test_an_unknown_field_is_named(name, arg, message):
    """A name that no field has is an unknown field, which skip-if-unknown-filter forgives."""
    with pytest.raises(UnknownField) as error:
        CATALOG.resolve(name, arg)

    assert (message, True) == (error.value.message, error.value.unknown)


@pytest.mark.parametrize(
    ("catalog", "name", "arg", "message"),
    [
        (CATALOG, "evt.arg.nope", None, "unknown event argument nope"),
        (CATALOG, "evt.arg", None, "filter syntax error: evt.arg"),
        (PLUGIN, "s.needs", None, "filter 's.needs': s.needs requires an argument but none provided"),
        (
            PLUGIN,
            "s.text",
            "1",
            "filter 's.text[1]': s.text does not allow nor require an argument but one is provided: 1",
        ),
        (
            PLUGIN,
            "s.index",
            "x",
            "filter s.index[x] s.index has an invalid index argument not composed only by digits: x",
        ),
        (PLUGIN, "s.index", "01", "filter s.index[01] s.index has an invalid index argument starting with 0: 01"),
        (
            PLUGIN,
            "s.index",
            "1" * 25,
            f"filter s.index[{'1' * 25}] s.index has an invalid index argument not representable on 64 bit: {'1' * 25}",
        ),
    ],
)
def test_a_wrong_argument_is_refused_in_falcos_words(catalog, name, arg, message):
    """An argument that is missing, needless or of the wrong kind is an error of its own, which nothing forgives."""
    with pytest.raises(FieldArgumentError) as error:
        catalog.resolve(name, arg)

    assert (message, False) == (error.value.message, error.value.unknown)


def test_an_argument_that_may_be_both_is_a_number_where_it_looks_like_one():
    """``ANY`` gives an int for a decimal number without leading zeros, else the text."""
    catalog = Catalog("test", [row("x.y", FieldType.CHARBUF, arg=ArgKind.ANY)])

    assert [3, "03", "-3", "a"] == [catalog.resolve("x.y", arg).arg for arg in ("3", "03", "-3", "a")]


def test_a_near_name_is_hinted():
    """A typing mistake gets the name that was meant; something else gets none."""
    with pytest.raises(UnknownField) as error:
        CATALOG.resolve("evt.tyep")

    assert "did you mean evt.type?" == error.value.hint
    assert CATALOG.near("completely.different") is None


def test_the_first_of_two_fields_with_one_name_wins():
    """Registration order decides clashes, as in Falco."""
    first, second = row("x.y", FieldType.CHARBUF), row("x.y", FieldType.INT64)

    assert (first,) == Catalog("test", [first, second]).fields


def test_a_field_without_a_way_to_its_value_is_refused():
    """A field that has neither a getter nor a path is its plugin's mistake."""
    with pytest.raises(PluginError, match=r"x\.y"):
        Catalog("test", [Field(name="x.y", type=FieldType.CHARBUF, description="")])


def test_an_argument_that_may_only_stand_behind_a_dot():
    """A field can object to an argument in brackets that it takes behind a dot; the hint says how to write it."""
    by_place = Field(
        name="evt.arg",
        type=FieldType.CHARBUF,
        description="",
        get=lambda event, arg: arg,
        arg=ArgKind.ANY,
        dotted=True,
        check_bracket=lambda arg: None if arg.isdecimal() else f"{arg} is not a valid number",
    )
    catalog = Catalog("syscall", [by_place])

    assert ("fd", 0) == (catalog.resolve("evt.arg.fd").arg, catalog.resolve("evt.arg", "0").arg)
    with pytest.raises(FieldArgumentError, match="fd is not a valid number") as caught:
        catalog.resolve("evt.arg", "fd")
    assert "write evt.arg.fd" == caught.value.hint

"""Fields of lookups are bound to the sources that they add to, or refused with a sentence."""

from __future__ import annotations

import pytest

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.lookup_fields import LookupField
from falcohost.errors import PluginError
from falcohost.fields import ArgKind, Compare, Field, FieldType
from falcohost.host.lookup_fields import with_lookups
from falcohost.lookups import Beside, LookupSpec
from falcohost.pipeline.lookups import LoadedLookup


def field(name, **more):
    """Return a field."""
    return Field(name=name, type=FieldType.CHARBUF, description=name, **({"get": lambda event, arg: None} | more))


OWN = (*GENERIC_FIELDS, field("it.host"), field("it.label", arg=ArgKind.KEY), field("it.odd", variant=lambda arg: None))


def lookup(name="assets", key="it.host", **more):
    """Return a lookup that is loaded."""
    spec = LookupSpec(name=name, description="Knows.", key={"acts": (key,)}, make=lambda settings: None, **more)
    return LoadedLookup(spec, {})


def by_argument(name="assets", **more):
    """Return a lookup whose fields name in brackets what is looked up."""
    return LoadedLookup(
        LookupSpec(
            name=name,
            description="Knows.",
            key={},
            make=lambda settings: Known(),
            fields=[field("asset.owner", get=lambda row, arg: row[arg])],
            by_argument=True,
            **more,
        ),
        {},
    )


class Known:
    """A lookup that has a row for each key."""

    def find(self, key):
        """Return the key under the argument of the field."""
        return {"it.host": key, "asset.owner[it.host]": key, "it.label[x]": key}


def test_an_argument_names_what_is_looked_up():
    """In every source, the key is the field's name and the value of the field in brackets."""
    one = by_argument()
    one.open()
    catalog = Catalog("acts", with_lookups("acts", (field("it.host", get=lambda event, arg: event),), [one]))
    ref = catalog.resolve("asset.owner", "it.host")

    assert ("asset.owner", "web") == ref.field.get("web", ref.arg)
    assert ref == catalog.resolve("asset.owner", "it.host")
    assert isinstance(ref.field, LookupField)


def test_a_row_can_name_another():
    """The field in brackets may be one of a lookup; its own brackets are quoted."""
    one = by_argument()
    one.open()
    catalog = Catalog("acts", with_lookups("acts", (field("it.host", get=lambda event, arg: event),), [one]))
    ref = catalog.resolve("asset.owner", "asset.owner[it.host]")

    assert ("asset.owner", ("asset.owner", "web")) == ref.field.get("web", ref.arg)


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        (None, "asset.owner requires an argument"),
        ("it.hst", "asset.owner[it.hst]: filter_check called with nonexistent field it.hst"),
        ("it.label", "asset.owner[it.label]: "),
        ("it.several", "it.several has several values, and only one can be looked up"),
        ("it.list", "it.list has several values, and only one can be looked up"),
    ],
)
def test_an_argument_that_cannot_be_looked_up_is_refused(argument, error):
    """What is in brackets has to be a field of the source that has one value."""
    several = (field("it.several", compare=Compare.ANY_OF), field("it.list", is_list=True))
    own = (field("it.host"), field("it.label", arg=ArgKind.KEY, arg_required=True), *several)
    catalog = Catalog("acts", with_lookups("acts", own, [by_argument()]))
    with pytest.raises(TypeCheckError) as raised:
        catalog.resolve("asset.owner", argument)

    assert error in str(raised.value)


def test_fields_are_added_and_filled():
    """Added fields come last, filled ones stay where they are; other sources stay as they are."""
    one = lookup(fields=[field("asset.owner")], fills={"it.label": lambda row, arg: None})
    found = with_lookups("acts", OWN, [one])

    assert [*(own.name for own in OWN), "asset.owner"] == [made.name for made in found]
    assert ["it.label", "asset.owner"] == [made.name for made in found if isinstance(made, LookupField)]
    assert OWN == with_lookups("other", OWN, [one])


def test_values_beside_the_row():
    """A getter may get values of the event beside the row; these do not change which row it is, and may be absent."""
    rows = {("here",): "row"}
    host = field("it.host", get=lambda event, arg: "here")
    label = field("it.label", get=lambda event, arg: event)
    seen = field("it.seen", get=lambda event, arg: None)
    one = lookup(fills={"it.seen": Beside(lambda row, arg, said: (row, said), ("it.label",))})
    one.find = rows.get
    made = with_lookups("acts", (*GENERIC_FIELDS, host, label, seen), [one])[-1]

    assert ("row", "5") == made.get("5", None)
    assert ("row", None) == made.get(None, None)
    assert ["it.host", "it.label"] == [ref.text for ref in made.key]


@pytest.mark.parametrize(
    ("lookups", "error"),
    [
        (
            [lookup(key="it.hst")],
            "lookup 'assets': its key for 'acts': filter_check called with nonexistent field it.hst",
        ),
        ([lookup(key="it.host[x]")], "lookup 'assets': its key for 'acts': "),
        ([lookup(fields=[field("it.host")])], "field 'it.host': the source already has it: list it in 'fills' instead"),
        ([lookup(fills={"it.user": None})], "field 'it.user': the source has no such field to fill"),
        ([lookup(fills={"evt.time": None})], "field 'evt.time': the source has no such field to fill"),
        (
            [lookup(fills={"it.label": Beside(print, ("it.hst",))})],
            "lookup 'assets': field 'it.label': filter_check called with nonexistent field it.hst",
        ),
        ([lookup(fills={"it.odd": None})], "field 'it.odd': has 'variant', which does not apply to rows"),
        ([lookup(fields=[field("a.b", path="c", get=None)])], "field 'a.b': has 'path', which does not apply to rows"),
        (
            [lookup(fields=[field("a.b")]), lookup("other", fields=[field("a.b")])],
            "the lookups 'assets' and 'other' both add the field 'a.b' of 'acts'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(lookups, error):
    """A key or a field that cannot be is said."""
    with pytest.raises(PluginError) as raised:
        with_lookups("acts", OWN, lookups)

    assert error in str(raised.value)

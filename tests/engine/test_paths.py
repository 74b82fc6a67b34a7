"""Fields with a JSON path."""

from types import SimpleNamespace

import pytest

from falcohost.engine.paths import getter
from falcohost.fields import Field, FieldType

RECORD = {"actor": {"name": "root", "age": 3, "tags": ["a", {"b": None}]}, "ok": True, "none": None}


@pytest.mark.parametrize(
    ("path", "kind", "value"),
    [
        ("actor.name", FieldType.CHARBUF, "root"),
        ("actor.age", FieldType.UINT64, 3),
        ("actor.age", FieldType.CHARBUF, "3"),
        ("actor.tags", FieldType.CHARBUF, '["a",{"b":null}]'),
        ("ok", FieldType.BOOL, True),
        ("ok", FieldType.UINT64, None),
        ("actor.age", FieldType.BOOL, None),
        ("actor.name", FieldType.UINT64, None),
        ("actor.tags", FieldType.UINT64, None),
        ("actor", FieldType.BOOL, None),
        ("none", FieldType.CHARBUF, None),
        ("actor.nothing", FieldType.CHARBUF, None),
        ("actor.name.deeper", FieldType.CHARBUF, None),
    ],
)
def test_a_path_finds_its_value(path, kind, value):
    """A path walks the record by its keys. A text field shows other JSON as text; what does not fit is absent."""
    get = getter(Field(name="x.y", type=kind, description="", path=path))

    assert value == get(SimpleNamespace(record=RECORD), None)

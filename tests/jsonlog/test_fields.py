"""The json.* fields."""

import json

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.paths import getter
from falcohost.ir import FALSE, TRUE, Check, Exists, Not, specialise
from falcohost.jsonlog import JSON_FIELDS, JsonLog, event_of
from falcohost.jsonlog.projection import reads
from falcohost.jsonlog.times import parse_time

LOG = JsonLog(source="app", plugin="tester", time="at")
RECORD = {
    "at": "2023-11-14T22:13:20.5Z",
    "a": {"b/c": 1, "m~n": [10, {"x": None}], "0": "zero", "": "empty"},
    "list": ["é", True, 1.5],
}
CATALOG = Catalog("app", JSON_FIELDS)


def value(name, arg=None, record=RECORD):
    """Return the value of a field."""
    ref = CATALOG.resolve(name, arg)
    return getter(ref.field)(event_of(LOG, record), ref.arg)


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/at", "2023-11-14T22:13:20.5Z"),
        ("at", "2023-11-14T22:13:20.5Z"),
        ("/a/b~1c", "1"),
        ("/a/m~0n/0", "10"),
        ("/a/m~0n/1", '{"x":null}'),
        ("/a/m~0n/1/x", "null"),
        ("/a/m~0n/2", None),
        ("/a/0", "zero"),
        ("/a/", "empty"),
        ("/list/0", "é"),
        ("/list/1", "true"),
        ("/list/2", "1.5"),
        ("/list/-1", None),
        ("/list/x", None),
        ("/list/99999999999999999999", None),
        ("/at/x", None),
        ("/nothing", None),
    ],
)
def test_pointers(pointer, expected):
    """A pointer leads through objects and arrays; a text is shown as it is, all else as JSON, null included."""
    assert expected == value("json.value", pointer)
    assert expected == value("jevt.value", pointer)


def test_whole_record():
    """Without a pointer, and as json.obj, it is the whole record."""
    assert json.loads(value("json.value", "")) == RECORD
    assert json.loads(value("json.obj")) == RECORD
    assert value("json.obj").startswith('{\n  "at": ')


def test_time():
    """json.rawtime is the time in nanoseconds, as a text."""
    assert value("json.rawtime") == value("jevt.rawtime") == "1700000000500000000"


@pytest.mark.parametrize(
    ("name", "pointer", "paths"),
    [
        ("json.value", "/a/b~1c", [("a", "b/c")]),
        ("jevt.value", "/list/0/x", [("list",)]),
        ("json.value", "/0", None),
        ("json.value", "", None),
        ("json.rawtime", None, []),
        ("json.obj", None, None),
    ],
)
def test_what_is_read(name, pointer, paths):
    """A pointer reads the value down to its first number, which may be an index; where there is none before, all."""
    assert paths == reads(CATALOG.resolve(name, pointer))


TIMES = [
    "1970-01-01T00:00:00Z", "1969-12-31T23:00:00-01:00", "1970-01-01T01:00:00.000000+01:00", "2023-11-14T22:13:20.5Z",
    "2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z", "0", "1700000000500000000", 0, 1700000000, "1970-", "2023-x",
    "", None, {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("at", TIMES)
@pytest.mark.parametrize("asked", ["0", "1700000000500000000", "1767223800000000000", "x", "9" * 40, "-1"])
def test_a_time_that_is_asked_for(at, asked):
    """A rule on one time matches the events that have it, in whatever form, whether it was read before or not."""
    rules = compile_condition(Check(CATALOG.resolve("jevt.rawtime", None), "=", asked))
    event = event_of(LOG, {"at": at})

    assert (str(event.ts) == asked) is rules(event)
    event.time = None
    assert rules(event) is (parse_time(at) is not None and str(parse_time(at)) == asked)


def test_a_time_in_another_year_is_not_read():
    """For a rule that is never to match, no event's time is read, unless its year may be that one."""
    never = compile_condition(Check(CATALOG.resolve("json.rawtime", None), "=", "0"))
    late, early = (event_of(LOG, {"at": at}) for at in ("2023-11-14T22:13:20Z", "1971-01-01T00:00:00Z"))
    late.time = early.time = None

    assert not never(late)
    assert None is late.time
    assert not never(early)
    assert early.time is not None


def test_an_object_that_nests_deeply():
    """It is shown in one line: indented, a record of a few kilobytes would take a hundred megabytes."""
    record = {"wide": [0] * 10}
    for _ in range(500):
        record = {"in": record}

    text = value("json.obj", record=record)

    assert "\n" not in text
    assert record == json.loads(text)


@pytest.mark.parametrize("field", [field for field in JSON_FIELDS if field.present], ids=lambda field: field.name)
def test_what_every_event_has(field):
    """Whether such a field exists is decided before there is an event, and it does in each, even an empty one."""
    exists = Exists(CATALOG.resolve(field.name))

    assert (TRUE, FALSE) == (specialise(exists, None), specialise(Not(exists), None))
    assert value(field.name, record={}) is not None

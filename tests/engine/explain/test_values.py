"""Events out of JSON: what they say of fields, as the engine knows values."""

from ipaddress import ip_address

import pytest
from world import CATALOG, TYPES

from falcohost.engine.explain.trace import UNKNOWN
from falcohost.engine.explain.values import EventReader, EventValueError

READER = EventReader(CATALOG, TYPES)


def value(name, raw, arg=None):
    """Return the value that the field ``name[arg]`` has in an object of fields and values."""
    key = name if arg is None else f"{name}[{arg}]"
    return READER.read({key: raw}).value(CATALOG.resolve(name, arg))


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("s.text", "a b", "a b"),
        ("s.text", None, None),
        ("n.uint64", 7, 7),
        ("n.uint64", "7", 7),
        ("n.int8", -1, -1),
        ("n.double", 1.5, 1.5),
        ("n.port", "ssh", 22),
        ("b.flag", True, True),
        ("b.flag", "false", False),
        ("buf.data", "é", b"\xc3\xa9"),
        ("ip.addr", "::1", ip_address("::1")),
        ("ip.net", "10.0.0.1", ip_address("10.0.0.1")),
        ("l.texts", ["a", "b"], ("a", "b")),
        ("l.nums", 1, (1,)),
        ("any.name", ["a", "b"], ("a", "b")),
        ("end.ip", ["10.0.0.1", "::1"], (ip_address("10.0.0.1"), ip_address("::1"))),
    ],
)
def test_values(name, raw, expected):
    """A JSON value becomes what the getter of the field would have given."""
    found = value(name, raw)

    assert expected == found
    assert type(expected) is type(found)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("s.text", 1, "s.text (CHARBUF) cannot be 1: expected a string"),
        ("n.uint64", "a", 'n.uint64 (UINT64) cannot be "a": a is not a valid number'),
        ("n.uint64", -1, "n.uint64 (UINT64) cannot be -1: out of range"),
        ("n.int8", 128, "n.int8 (INT8) cannot be 128: out of range"),
        ("n.uint64", True, "n.uint64 (UINT64) cannot be true: expected a whole number"),
        ("n.uint64", 1.5, "n.uint64 (UINT64) cannot be 1.5: expected a whole number"),
        ("b.flag", "yes", 'b.flag (BOOL) cannot be "yes": expected true or false'),
        ("l.nums", ["a"], 'l.nums (list of UINT64) cannot be ["a"]: a is not a valid number'),
        ("s.text", "x" * 99, None),
        ("ip.addr", "10.0.0.300", "ip.addr (IPADDR) cannot be"),
        ("ip.addr", {"a": 1}, 'ip.addr (IPADDR) cannot be {"a": 1}: expected a string'),
        ("s.txt", "a", "'s.txt' is not a field of source 'syscall'; did you mean s.text?"),
        ("tolower(s.text)", "a", "'tolower(s.text)' is not a field of source 'syscall'"),
        ("not a field at all", "a", "'not a field at all' is not a field of source 'syscall'"),
    ],
)
def test_wrong_values(name, raw, message):
    """A wrong value for a field, or an unknown field, is refused in one sentence."""
    if message is None:
        READER.read({name: raw})
        return
    with pytest.raises(EventValueError) as caught:
        READER.read({name: raw})

    assert str(caught.value).startswith(message)


def test_what_is_not_said_is_unknown():
    """A field that the event does not have is unknown; so is one with another argument."""
    found = READER.read({"s.key[a]": "1"})

    assert "1" == found.value(CATALOG.resolve("s.key", "a"))
    assert UNKNOWN is found.value(CATALOG.resolve("s.key", "b"))
    assert UNKNOWN is found.value(CATALOG.resolve("s.text"))


def test_an_alert():
    """An alert says the values of its fields, and null is an absent one; names that are no fields say nothing."""
    fields = {"s.text": "a", "s.other": None, "mine": 1, "tolower(s.text)": "a"}
    found = READER.read({"rule": "r", "source": "syscall", "hostname": "h", "output_fields": fields})

    assert "a" == found.value(CATALOG.resolve("s.text"))
    assert None is found.value(CATALOG.resolve("s.other"))
    assert "h" == found.value(CATALOG.resolve("evt.hostname"))


def test_what_an_alert_cannot_say():
    """Null of a field that is never printed says nothing, nor does one text for the values of several."""
    fields = {"s.hidden": None, "end.ip": None, "any.name": "a b", "any.pid": "7"}
    found = READER.read({"output_fields": fields})

    assert [UNKNOWN, UNKNOWN, UNKNOWN] == [
        found.value(CATALOG.resolve(name)) for name in ("s.hidden", "end.ip", "any.name")
    ]
    assert (7,) == found.value(CATALOG.resolve("any.pid"))


def test_times(monkeypatch):
    """The time of an alert, in nanoseconds, gives the values of all fields that are made of it."""
    found = READER.read({"output_fields": {"evt.time.iso8601": 1_700_000_000_123_456_789}})

    assert "2023-11-14T22:13:20.123456789+0000" == found.value(CATALOG.resolve("evt.time.iso8601"))
    assert 1_700_000_000 == found.value(CATALOG.resolve("evt.rawtime.s"))


def test_a_source_with_one_type():
    """Where all events of a source have one type, an event need not say it."""
    only = EventReader(CATALOG, frozenset(("open",))).read({})

    assert "open" == only.value(CATALOG.resolve("evt.type"))
    assert UNKNOWN is READER.read({}).value(CATALOG.resolve("evt.type"))


def test_flat_objects_are_told_from_records():
    """An object is one of fields if a key is a field, or if all keys look like fields."""
    assert READER.is_flat({"s.text": 1, "kind": 2})
    assert READER.is_flat({"s.txet": 1})
    assert not READER.is_flat({"kind": "Event", "user": {}})

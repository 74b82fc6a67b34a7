"""Alerts: their text line, their line of JSON, and what falcohost says about itself."""

import json
import time

import pytest
from world import Happening, rule

from falcohost.alert import Priority
from falcohost.engine.alerts import AlertMaker, JsonOptions, encode_json

TS = 1_534_527_348_514_682_170
EVENT = Happening({"s.text": 'a"\\\n\x1b\x7fé\u2028\udcff/', "n.port": 22}, ts=TS, key="k1")
RULE = rule("The rule", "s.text exists", "x=%s.text p=%n.port m=%s.other", tags=("b", "a"), priority=Priority.NOTICE)


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """Local time is two hours ahead of UTC in these tests."""
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_text_line_is_falcos():
    """Time, priority and message; the time is local with nanoseconds."""
    alert = AlertMaker("host").make(RULE, EVENT)

    assert 'x=a"\\\ufffd\ufffd\ufffdé\u2028\ufffd/ p=22 m=<NA>' == alert.message
    assert f"19:35:48.514682170: Notice {alert.message}" == alert.output


def test_the_text_line_has_iso_8601_times_where_configured():
    """``time_format_iso_8601`` gives UTC with the date, in the text and as the field's name."""
    alert = AlertMaker("host", iso8601=True).make(RULE, EVENT)

    assert alert.output.startswith("2018-08-17T17:35:48.514682170+0000: Notice x=")
    assert TS == alert.fields["evt.time.iso8601"]


def test_the_json_line_is_falcos():
    """Keys in alphabetical order, no blanks, control characters escaped, invalid UTF-8 replaced, times as numbers."""
    line = encode_json(AlertMaker("host").make(RULE, EVENT), JsonOptions(message=True))

    assert (
        '{"hostname":"host",'
        '"message":"x=a\\"\\\\\ufffd\ufffd\ufffdé\u2028\ufffd/ p=22 m=<NA>",'
        '"output":"19:35:48.514682170: Notice x=a\\"\\\\\ufffd\ufffd\ufffdé\u2028\ufffd/ p=22 m=<NA>",'
        '"output_fields":{"evt.time":1534527348514682170,"n.port":22,"s.other":null,'
        '"s.text":"a\\"\\\\\\n\\u001b\x7fé\u2028\ufffd/"},'
        '"priority":"Notice","rule":"The rule","source":"test","tags":["a","b"],'
        '"time":"2018-08-17T17:35:48.514682170Z"}'
    ) == line.decode()


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (JsonOptions(), {"output", "output_fields", "tags"}),
        (JsonOptions(output=False), {"output_fields", "tags"}),
        (JsonOptions(message=True, output_fields=False, tags=False), {"output", "message"}),
    ],
)
def test_the_options_choose_the_keys(options, keys):
    """The json_include_* settings leave keys out or put them in; the others are always there."""
    line = json.loads(encode_json(AlertMaker("host").make(RULE, EVENT), options))

    assert keys | {"hostname", "priority", "rule", "source", "time"} == set(line)


def test_the_same_event_and_rule_give_the_same_id():
    """The id names source, event and rule, and nothing else."""
    maker, other = AlertMaker("host"), AlertMaker("elsewhere", iso8601=True)
    again = Happening({"s.text": "changed"}, ts=TS + 1, num=9, key="k1")
    renamed = rule("Another rule", "s.text exists")

    assert maker.make(RULE, EVENT).id == other.make(RULE, again).id
    assert 3 == len(
        {maker.make(RULE, EVENT).id, maker.make(renamed, EVENT).id, maker.make(RULE, Happening(key="k2")).id}
    )


def test_text_that_is_no_utf8_in_a_rule_does_no_harm():
    """A lone surrogate in an output, a rule's name or a tag is replaced, not an error."""
    odd = rule("r\ud800", "s.text exists", "o\ud800 %s.text", tags=("t\ud800",))
    line = json.loads(encode_json(AlertMaker("h\udcff").make(odd, EVENT), JsonOptions()))

    assert "\ud800" not in line["rule"] + line["output"] + line["tags"][0] + line["hostname"]


def test_numbers_that_no_reader_takes_go_as_text():
    """Integers beyond 64 bits become text; a number that is none becomes null."""
    alert = AlertMaker("host").make(
        rule("r", "n.int64 exists", "%n.int64 %n.uint64 %n.double"),
        Happening({"n.int64": 2**64, "n.uint64": 2**64 - 1, "n.double": float("nan")}),
    )
    fields = json.loads(encode_json(alert, JsonOptions()))["output_fields"]

    assert (str(2**64), 2**64 - 1, None) == (fields["n.int64"], fields["n.uint64"], fields["n.double"])


def test_what_falcohost_says_of_itself():
    """Internal messages have their own source, fields behind the text, and no tags; JSON has the bare message."""
    alert = AlertMaker("host").internal(
        "Falco internal: timeouts notification",
        Priority.DEBUG,
        "Falco internal: timeouts notification. 1000 consecutive timeouts without event.",
        {"last_event_time": "none", "a": 1},
        TS,
    )

    assert (
        "19:35:48.514682170: Debug Falco internal: timeouts notification. 1000 consecutive timeouts without event."
        ' (a=1 last_event_time="none")'
    ) == alert.output
    assert (
        '{"hostname":"host","output":"Falco internal: timeouts notification. 1000 consecutive timeouts without event.",'
        '"output_fields":{"a":1,"last_event_time":"none"},"priority":"Debug",'
        '"rule":"Falco internal: timeouts notification","source":"internal","time":"2018-08-17T17:35:48.514682170Z"}'
    ) == encode_json(alert, JsonOptions(output=False, message=True)).decode()


def test_what_falcohost_says_of_itself_is_json_already():
    """Values in an internal alert's fields are as JSON has them, so that the store keeps them as they are shown."""
    alert = AlertMaker("host").internal("r", Priority.DEBUG, "m", {"z": b"a\0", "big": 2**64, "t": "\udcff"}, TS)

    assert {"z": "a.", "big": str(2**64), "t": "\ufffd"} == alert.fields

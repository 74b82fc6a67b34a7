"""Alerts: their text line, their line of JSON, and what falcohost says about itself."""

import json
import time

import msgspec
import pytest
from world import Happening, rule

from falcohost.alert import MOST_EXCEPTIONS, MOST_TEXT, Alert, Priority, RuleMetadata, ShortAlert
from falcohost.engine import per_rule
from falcohost.engine.alerts import AlertMaker, JsonOptions, encode_json
from falcohost.subject import ProcessSubject, ResourceSubject, UserSubject

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

    assert 'x=a"\\\ufffd\ufffd\ufffdé\ufffd\ufffd/ p=22 m=<NA>' == alert.message
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
        '"message":"x=a\\"\\\\\ufffd\ufffd\ufffdé\ufffd\ufffd/ p=22 m=<NA>",'
        '"output":"19:35:48.514682170: Notice x=a\\"\\\\\ufffd\ufffd\ufffdé\ufffd\ufffd/ p=22 m=<NA>",'
        '"output_fields":{"evt.time":1534527348514682170,"n.port":22,"s.other":null,'
        '"s.text":"a\\"\\\\\\n\\u001b\\u007fé\\u2028\ufffd/"},'
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


@pytest.mark.parametrize("iso8601", [True, False])
def test_a_short_alert_is_the_whole_one_without_what_is_known_elsewhere(iso8601):
    """It has the same values; the line of text is what stands before the message, and the message."""
    whole = AlertMaker("host", iso8601=iso8601).make(RULE, EVENT)
    short, metadata = AlertMaker("host", iso8601=iso8601).short(RULE, EVENT)

    assert whole.metadata == metadata
    assert whole.output == short.output + short.message
    same = [name for name in ShortAlert.__struct_fields__ if name != "output"]
    assert [getattr(whole, name) for name in same] == [getattr(short, name) for name in same]
    assert {*Alert.__struct_fields__} - {*ShortAlert.__struct_fields__} == {"metadata"}


def test_what_is_remembered_of_rules_is_bounded(monkeypatch):
    """Of many rules it begins anew, and says the same of each."""
    monkeypatch.setattr(per_rule, "_MOST", 2)
    maker, rules = AlertMaker("host"), [rule(f"r{number}", "s.text exists", "x=%n.port") for number in range(5)]

    shown = [maker.make(one, EVENT).rule for one in (*rules, *rules)]

    assert [one.name for one in rules] * 2 == shown


def test_the_same_event_and_rule_give_the_same_id():
    """The id names source, event and rule, and nothing else."""
    maker, other = AlertMaker("host"), AlertMaker("elsewhere", iso8601=True)
    again = Happening({"s.text": "changed"}, ts=TS + 1, num=9, key="k1")
    renamed = rule("Another rule", "s.text exists")

    assert maker.make(RULE, EVENT).id == other.make(RULE, again).id
    assert 3 == len(
        {maker.make(RULE, EVENT).id, maker.make(renamed, EVENT).id, maker.make(RULE, Happening(key="k2")).id}
    )


@pytest.mark.parametrize("own_time, begin", [(TS, f"{TS // 10**9:08x}"), (-1, "ffffffff"), (0, "00000000")])
def test_ids_of_one_time_are_neighbours(own_time, begin):
    """Where an event has a time of its own, the id begins with the second, and ends as without it."""

    class Timed(Happening):
        """An event with a time of its own."""

    Timed.own_time = own_time

    plain, timed = (AlertMaker("host").make(RULE, event).id for event in (Happening(key="k"), Timed(key="k")))

    assert begin + plain == timed


class Done(Happening):
    """An event that says who did it."""

    subject = ProcessSubject(pid=7, start=1, pidns=2, cgroup=3)


def test_an_alert_knows_its_subject():
    """The event's subject is the alert's; an event that has none gives an alert without one."""
    maker = AlertMaker("host")

    assert (ProcessSubject(pid=7, start=1, pidns=2, cgroup=3),) == maker.make(RULE, Done(ts=TS)).subjects
    assert () == maker.make(RULE, EVENT).subjects


def test_resources_stand_behind_the_subject():
    """An alert has the event's subject and behind it the event's resources, sixteen in all."""
    shelves = [ResourceSubject("shelf", str(number)) for number in range(20)]
    maker, done, event = AlertMaker("host"), Done(ts=TS), Happening(ts=TS)
    for one in (done, event):
        object.__setattr__(one, "resources", shelves)

    assert (Done.subject, *shelves[:15]) == maker.make(RULE, done).subjects
    assert tuple(shelves[:16]) == maker.make(RULE, event).subjects


def test_subjects_in_json():
    """With the option the line has subjects and metadata at their places in the alphabet; without, it is Falco's."""
    alert = msgspec.structs.replace(
        AlertMaker("host").make(RULE, EVENT), subjects=(ProcessSubject(7, 1), ResourceSubject("shelf", "a"))
    )
    line = json.loads(encode_json(alert, JsonOptions(subjects=True)))

    assert sorted(line) == list(line)
    assert [
        {"type": "process", "pid": 7, "start": 1, "pidns": None, "cgroup": None},
        {"type": "resource", "kind": "shelf", "name": "a"},
    ] == line["subjects"]
    assert {"description", "file"} >= set(line["metadata"])
    assert {"subjects", "metadata"} == set(line) - set(json.loads(encode_json(alert, JsonOptions())))


def test_a_subjects_name_is_bounded():
    """A name comes from whoever made the event: it is cut, and is UTF-8."""
    event = Done(ts=TS)
    event.subject = UserSubject("kind" * 100, "\udcff" + "x" * 10_000)
    (subject,) = AlertMaker("host").make(RULE, event).subjects

    assert UserSubject("kind" * 32, "\ufffd" + "x" * (MOST_TEXT - 1)) == subject


def test_an_alert_knows_its_rules_metadata():
    """The rule's description, file and exceptions go with the alert, within bounds, and not into Falco's JSON."""
    told = rule("r", "s.text exists", description="d" * 2000, file="a.yaml", exceptions=tuple(map(str, range(99))))
    alert = AlertMaker("host").make(told, EVENT)

    names = tuple(map(str, range(MOST_EXCEPTIONS)))
    assert RuleMetadata(description="d" * 1023 + "…", file="a.yaml", exceptions=names) == alert.metadata
    bare = AlertMaker("host").make(rule("r", "s.text exists"), EVENT)
    assert encode_json(bare, JsonOptions()) == encode_json(alert, JsonOptions())


def test_an_alert_goes_through_bytes():
    """An alert sent by a worker and stored is the same after decoding, with its subject and metadata."""
    alert = AlertMaker("host").make(rule("r", "s.text exists", description="d"), Done(ts=TS))

    assert alert == msgspec.msgpack.decode(msgspec.msgpack.encode(alert), type=Alert)


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


def test_an_internal_alert_is_one_line():
    """What it names, such as a file, cannot begin another line or write controls to the terminal."""
    alert = AlertMaker("host").internal("Reload", Priority.WARNING, "no a\nb\u202e", {"file": "c\u2028\x7f"}, 0)

    assert alert.output.endswith(': Warning no a\ufffdb\ufffd (file="c\ufffd\ufffd")')

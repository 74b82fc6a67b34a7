"""The source reads events, leaves out other records, and explains mistakes in its settings."""

from __future__ import annotations

import gzip
import json
from time import time_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost import ConfigError, SourceError
from falcohost.testing.reading import reading
from falcohost.testing.values import arguments, wrong_value
from falcohost_cloudtrail import plugin
from falcohost_cloudtrail.fields import FIELDS
from falcohost_cloudtrail.source import LOG

TIME = "2026-03-01T12:00:00Z"


def record(name, **members):
    """Return a record that is an event."""
    return {"eventName": name, "eventTime": TIME, "eventType": "AwsApiCall", **members}


@pytest.fixture
def read():
    """Return a function that reads all events with the settings given, and returns them with what was left out."""
    with reading(plugin) as read:
        yield read


def names(events):
    """Return the names of the requests."""
    return [event.record["eventName"] for event in events]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Records": [record("a"), record("b")]}),
        json.dumps({"Records": [record("a"), record("b")]}, indent=2),
        json.dumps([record("a"), record("b")]),
        json.dumps(record("a")) + "\n" + json.dumps(record("b")) + "\n",
        json.dumps({"Records": [record("a")]}) + "\n" + json.dumps({"Records": [record("b")]}),
    ],
    ids=["file", "file over lines", "array", "records", "files in lines"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_forms(read, tmp_path, text, pack):
    """CloudTrail's own files are read, arrays, and single records a line, packed or not."""
    path = tmp_path / "records"
    path.write_bytes(pack(text.encode()))

    events, dropped = read(open_params=str(path))

    assert (["a", "b"], {}) == (names(events), dropped)


def test_folder(read, tmp_path):
    """Of a folder the files are read whose names end as CloudTrail's do, also those in folders below."""
    below = tmp_path / "AWSLogs" / "123456789012"
    below.mkdir(parents=True)
    (tmp_path / "one.json").write_text(json.dumps({"Records": [record("a")]}))
    (below / "two.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [record("b")]}).encode()))
    (below / "digest.txt").write_text(json.dumps(record("no")))

    events, _ = read(open_params=str(tmp_path))

    assert {"a", "b"} == set(names(events))


def test_left_out(read, tmp_path):
    """A record that is not an event is left out and counted by its cause, and the next one is read."""
    path = tmp_path / "records.json"
    records = [
        {"eventName": "neither type nor service", "eventTime": TIME},
        {"digestS3Bucket": "no event", "eventType": 1},
        {"eventName": "insight", "eventTime": TIME, "eventType": "AwsCloudTrailInsight"},
        record("good"),
    ]
    path.write_text(json.dumps({"Records": records}))

    events, dropped = read(open_params=str(path))

    assert ["good"] == names(events)
    assert {
        "record without eventType": 2,
        "record of CloudTrail Insights": 1,
    } == dropped


@pytest.mark.parametrize("time", [{}, {"eventTime": "yesterday"}, {"eventTime": None}, {"eventTime": [1]}])
def test_without_a_time(read, tmp_path, time):
    """A request without a readable time is an event all the same, with the time of reading."""
    path = tmp_path / "records.json"
    path.write_text(json.dumps({"Records": [{"eventName": "odd", "eventType": "AwsApiCall", **time}, record("good")]}))
    before = time_ns()

    events, dropped = read(open_params=str(path))

    assert ["odd", "good"] == names(events)
    assert {} == dropped
    assert before <= events[0].ts <= time_ns()


def test_before_types(read, tmp_path):
    """A record without a type, as before version 1.02, is an event if it says what was asked of which service."""
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"eventName": "old", "eventSource": "iam.amazonaws.com", "eventTime": TIME}))

    events, dropped = read(open_params=str(path))

    assert ["old"] == names(events)
    assert {} == dropped


def test_time(read, tmp_path):
    """The event's time is the record's, to the last digit."""
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record("a", eventTime="2026-03-01T13:00:00.123456789+01:00")))

    events, _ = read(open_params=str(path))

    assert [1_772_366_400_123_456_789] == [event.ts for event in events]


def test_falco_settings_are_accepted(read, tmp_path, caplog):
    """Falco's keys are taken without a word; one that is close to them is warned of with the right one."""
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record("a")))
    falco = {"s3DownloadConcurrency": 64, "sqsDelete": False, "useAsync": True, "aws": {"region": "eu-central-1"}}

    read(open_params=str(path), **falco, json={})
    assert [] == caplog.messages

    read(open_params=str(path), sqsDelet=True)
    assert [
        "plugin 'cloudtrail': unknown key sqsDelet in its configuration; did you mean sqsDelete?"
    ] == caplog.messages


@pytest.mark.parametrize("where", ["gs://bucket/AWSLogs", "", "/nowhere/at/all", ["/nowhere/at/all", "s3://bucket"]])
def test_what_cannot_be_read(read, where):
    """A place that this version does not read is refused with a sentence."""
    with pytest.raises(SourceError, match=r"^cloudtrail: "):
        read(open_params=where)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"open_params": "s3://"},
            "open_params 's3://' names no bucket or queue; use s3://BUCKET/PREFIX or sqs://QUEUE",
        ),
        ({"open_params": "sqs://https://x/q"}, "open_params 'sqs://https://x/q' names no bucket or queue"),
        ({"s3AccountList": "123"}, "s3AccountList is not a list of account ids"),
        ({"s3Interval": "tomorrow"}, "s3Interval 'tomorrow' is not valid; use START or START-END"),
        ({"s3Interval": "1d-2d"}, "s3Interval '1d-2d' ends before it begins"),
        ({"s3Interval": "99999999w"}, "s3Interval '99999999w' is not valid"),
        ({"s3DownloadConcurrency": 0}, "s3DownloadConcurrency has to be a whole number from 1"),
        ({"aws": "eu-central-1"}, "aws has to be a block of settings"),
        ({"aws": {"region": 5}}, "region has to be a string"),
        ({"open_params": "sqs://q", "sqsDelete": "yes"}, "sqsDelete has to be true or false"),
    ],
)
def test_settings_of_aws_that_cannot_be(read, settings, text):
    """A mistake in a setting is explained in a sentence."""
    with pytest.raises(ConfigError) as raised:
        read(**{"open_params": "s3://bucket"} | settings)

    assert text in str(raised.value)


def test_settings_that_cannot_be(read):
    """A value of the wrong kind is refused with its key."""
    with pytest.raises(ConfigError, match="plugin 'cloudtrail': open_params has to be a string"):
        read(open_params=[7])


def test_corpus(read, corpus, tmp_path):
    """Every record of the corpus that says what was asked is read, and every field has a value of its type."""
    lines = (corpus / "events" / "cloudtrail.jsonl").read_text().splitlines()
    records = [json.loads(line)["event"] for line in lines]
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))

    events, dropped = read(open_params=str(path))

    whole = [one for one in records if one.get("eventType") or {"eventName", "eventSource"} <= set(one)]
    assert whole == [event.record for event in events]
    assert len(records) == len(events) + sum(dropped.values())
    wrong = (wrong_value(field, event, arg) for event in events for field in FIELDS for arg in arguments(field))
    assert [] == [problem for problem in wrong if problem]
    seen = {field.name for field in FIELDS if not field.arg_required for event in events if field.get(event, None)}
    assert {"ct.name", "ct.user", "ct.originaluser", "ct.srcip", "ct.request", "s3.uri", "ec2.name", "iam.role"} <= seen


ODD = [None, 5, "", "AwsApiCall", "AwsCloudTrailInsight", TIME, "yesterday", [], {}]


MEMBERS = {"eventType": st.sampled_from(ODD), "eventTime": st.sampled_from(ODD)}


@given(st.lists(st.fixed_dictionaries({}, optional=MEMBERS), max_size=3))
def test_kept_together(records):
    """Records that are kept without looking at each are those that would be kept one by one."""
    assert LOG.keeps(records) <= all(LOG.skip(one) is None for one in records)
    assert LOG.keeps([{"eventType": "AwsApiCall", "eventTime": TIME}] * len(records))

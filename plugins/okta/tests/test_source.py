"""The source reads events, and explains mistakes in its settings."""

from __future__ import annotations

import json

import pytest

from falcohost import ConfigError, SourceError
from falcohost.testing.reading import reading
from falcohost.testing.values import arguments, wrong_value
from falcohost_okta import plugin
from falcohost_okta.fields import FIELDS

ROWS = {field.name: field for field in FIELDS}


def event(name, **members):
    """Return an event of the System Log."""
    return {"uuid": name, "published": "2026-03-01T12:00:00.000Z", "eventType": "user.session.start", **members}


@pytest.fixture
def read():
    """Return a function that reads all events with the settings given, and returns them with what was left out."""
    with reading(plugin) as read:
        yield read


@pytest.mark.parametrize(
    "text",
    [json.dumps([event("a"), event("b")]), json.dumps(event("a")) + "\n" + json.dumps(event("b"))],
    ids=["answer", "lines"],
)
def test_forms(read, tmp_path, text):
    """The API's own answers are read, and single events a line."""
    path = tmp_path / "logs"
    path.write_text(text)

    events, dropped = read(open_params=str(path))

    assert (["a", "b"], {}) == ([one.record["uuid"] for one in events], dropped)


def test_time(read, tmp_path):
    """The event's time is when it was published."""
    path = tmp_path / "logs.json"
    path.write_text(json.dumps(event("a", published="2026-03-01T12:00:00.123Z")))

    events, _ = read(open_params=str(path))

    assert [1_772_366_400_123_000_000] == [one.ts for one in events]


def test_organization(read, tmp_path):
    """The organization is the one that is configured, and empty where none is."""
    path = tmp_path / "logs.json"
    path.write_text(json.dumps(event("a")))

    for organization in ("example", ""):
        (one,), _ = read(open_params=str(path), organization=organization)
        assert organization == ROWS["okta.org"].get(one, None)


def test_bound_of_the_memory(read, tmp_path):
    """So many refusals of an actor are counted as are to be remembered, also where that is written as a text."""
    path = tmp_path / "logs.jsonl"
    times = [f"2026-03-01T12:00:{second:02}.000Z" for second in range(5)]
    refused = [event("a", eventType="user.mfa.okta_verify.deny_push", published=time) for time in times]
    path.write_text("".join(json.dumps(one) + "\n" for one in refused))

    events, _ = read(open_params=str(path), cache_usermaxsize="3", cache_expiration=600)

    assert 3 == ROWS["okta.mfa.deny.countlast"].get(events[-1], 300)


def test_falco_settings_are_accepted(read, tmp_path, caplog):
    """Falco's keys are taken without a word; one that is close to them is warned of with the right one."""
    path = tmp_path / "logs.json"
    path.write_text(json.dumps(event("a")))

    read(open_params=str(path), organization="example", api_token="secret", refresh_interval=10, useAsync=True)
    assert [] == caplog.messages

    read(open_params=str(path), organisation="example")
    assert [
        "plugin 'okta': unknown key organisation in its configuration; did you mean organization?"
    ] == caplog.messages


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"cache_usermaxsize": 0}, "cache_usermaxsize has to be a whole number from 1, not 0"),
        ({"cache_expiration": "long"}, "cache_expiration has to be a whole number from 1, not 'long'"),
        ({"cache_expiration": True}, "cache_expiration has to be a whole number from 1, not True"),
        ({"organization": 7}, "organization has to be a string, not 7"),
    ],
)
def test_settings_that_cannot_be(read, settings, problem):
    """A value of the wrong kind is refused with its key."""
    with pytest.raises(ConfigError, match=problem):
        read(open_params="logs.json", **settings)


def test_nothing_to_read(read):
    """Without files the API is asked, and what is missing for that is said in a sentence."""
    with pytest.raises(SourceError, match=r"^okta: the API token is missing: set init_config\.api_token_file"):
        read(open_params="", organization="example")
    with pytest.raises(ConfigError, match="set organization to the name of your Okta organization"):
        read()


def test_corpus(read, corpus, tmp_path):
    """Every event of the corpus is read, and every field has a value of its type."""
    lines = (corpus / "events" / "okta.jsonl").read_text().splitlines()
    records = [json.loads(line)["event"] for line in lines]
    path = tmp_path / "logs.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))

    events, dropped = read(open_params=str(path))

    assert (records, {}) == ([one.record for one in events], dropped)
    wrong = (wrong_value(field, one, arg) for one in events for field in FIELDS for arg in arguments(field))
    assert [] == [problem for problem in wrong if problem]
    for one in events:
        kind = one.record.get("eventType") or one.record.get("eventtype") or ""
        assert kind == ROWS["okta.evt.type"].get(one, None)

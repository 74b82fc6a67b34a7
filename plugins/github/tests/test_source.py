"""The source reads payloads, and explains mistakes in its settings."""

from __future__ import annotations

import json
import time

import pytest

from falcohost import ConfigError, SourceError
from falcohost.testing.reading import reading
from falcohost.testing.values import arguments, wrong_value
from falcohost_github import plugin
from falcohost_github.fields import FIELDS

ROWS = {field.name: field for field in FIELDS}


@pytest.fixture
def read():
    """Return a function that reads all events with the settings given, and returns them with what was left out."""
    with reading(plugin) as read:
        yield read


def test_lines(read, tmp_path):
    """Each line is a payload; one that is no JSON is left out and counted, and the next is read."""
    path = tmp_path / "payloads.jsonl"
    path.write_text('{"webhook_type": "star"}\n{"webhook_type": \n{"webhook_type": "push"}\n')

    events, dropped = read(open_params=str(path))

    assert (["star", "push"], {"not JSON": 1}) == ([one.record["webhook_type"] for one in events], dropped)


def test_time_of_a_payload(read, tmp_path):
    """A payload has no time of its own, so it is that at which it was read."""
    path = tmp_path / "payloads.jsonl"
    path.write_text(json.dumps({"webhook_type": "push", "repository": {"created_at": 1}}))

    before = time.time_ns()
    (one,), _ = read(open_params=str(path))

    assert before <= one.ts <= time.time_ns()


@pytest.mark.parametrize(
    "entry",
    [
        {"action": "repo.create", "@timestamp": 1_772_366_400_123, "created_at": 1_000_000_000_000},
        {"action": "repo.create", "created_at": 1_772_366_400_123},
        {"action": "repo.create", "created_at": "2026-03-01T12:00:00.123Z"},
    ],
)
def test_time_of_an_audit_log_entry(read, tmp_path, entry):
    """An entry of an audit log has its own time."""
    path = tmp_path / "audit.jsonl"
    path.write_text(json.dumps(entry))

    (one,), _ = read(open_params=str(path))

    assert 1_772_366_400_123_000_000 == one.ts


def test_plugininfo(read, tmp_path):
    """The line of evt.plugininfo says event, action, user and repository, as far as they are known."""
    path = tmp_path / "payloads.jsonl"
    payload = {
        "webhook_type": "member",
        "action": "added",
        "sender": {"login": "mona"},
        "repository": {"html_url": "https://github.com/octo-org/app"},
    }
    path.write_text(json.dumps(payload) + "\n" + json.dumps({"webhook_type": "ping", "action": None}))

    events, _ = read(open_params=str(path))

    assert ["member action added by mona in https://github.com/octo-org/app", "ping"] == [
        one.plugininfo for one in events
    ]


def test_falco_settings_are_accepted(read, tmp_path, caplog):
    """Falco's keys are taken without a word; one that is close to them is warned of with the right one."""
    path = tmp_path / "payloads.jsonl"
    path.write_text("{}\n")

    read(open_params=str(path), websocketServerURL="https://example.com", secretsDir="~/.ghplugin", useHTTPs=True)
    assert [] == caplog.messages

    read(open_params=str(path), useHTTPS=True)
    assert ["plugin 'github': unknown key useHTTPS in its configuration; did you mean useHTTPs?"] == caplog.messages


@pytest.mark.parametrize("where", ["octo-org/app", "*", ""])
def test_what_cannot_be_read(read, where):
    """Falco's lists of repositories are no files, and are refused with a sentence."""
    with pytest.raises(SourceError, match=r"^github: "):
        read(open_params=where)


def test_settings_that_cannot_be(read):
    """A value of the wrong kind is refused with its key."""
    with pytest.raises(ConfigError, match="plugin 'github': open_params has to be a string"):
        read(open_params=7)


def test_corpus(read, corpus, tmp_path):
    """Every payload and audit log entry of the corpus is read, and every field has a value of its type."""
    lines = (corpus / "events" / "github.jsonl").read_text().splitlines()
    records = [json.loads(line)["event"] for line in lines]
    path = tmp_path / "payloads.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))

    events, dropped = read(open_params=str(path))

    assert (records, {}) == ([one.record for one in events], dropped)
    wrong = (wrong_value(field, one, arg) for one in events for field in FIELDS for arg in arguments(field))
    assert [] == [problem for problem in wrong if problem]
    for one in events:
        assert one.record.get("action", "") == ROWS["github.action"].get(one, None)

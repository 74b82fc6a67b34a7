"""The public corpus of audit records: each is read through its plugin, and its fields are what the record says."""

import json
from collections import Counter

import pytest

import falcohost_cloudtrail.plugin
import falcohost_github.plugin
import falcohost_k8saudit.plugin
import falcohost_okta.plugin
from falcohost.engine.paths import at, json_text
from falcohost.events import Plan
from falcohost.testing.projection import arguments, getter

#: The file of the corpus, its plugin, and for some fields the path of what they show.
LOGS = {
    "cloudtrail": (
        falcohost_cloudtrail.plugin,
        {"ct.name": "eventName", "ct.src": "eventSource", "ct.region": "awsRegion", "ct.srcip": "sourceIPAddress",
         "ct.error": "errorCode", "ct.user.identitytype": "userIdentity.type", "ct.user.arn": "userIdentity.arn"},
    ),
    "github": (falcohost_github.plugin, {"github.action": "action", "github.user": "sender.login"}),
    "kubernetes": (
        falcohost_k8saudit.plugin,
        {"ka.verb": "verb", "ka.user.name": "user.username", "ka.target.resource": "objectRef.resource",
         "ka.target.namespace": "objectRef.namespace", "ka.target.name": "objectRef.name", "ka.uri": "requestURI",
         "ka.response.code": "responseStatus.code", "ka.useragent": "userAgent"},
    ),
    "okta": (
        falcohost_okta.plugin,
        {"okta.evt.type": "eventType", "okta.actor.id": "actor.id", "okta.actor.name": "actor.displayName",
         "okta.severity": "severity", "okta.result": "outcome.result", "okta.client.ip": "client.ipAddress"},
    ),
}  # fmt: skip


@pytest.fixture(params=sorted(LOGS))
def log(request, corpus, tmp_path):
    """Return a log's records, its events as its plugin serves them, what was left out, its fields, and LOGS' paths."""
    plugin, paths = LOGS[request.param]
    lines = (corpus / "events" / f"{request.param}.jsonl").read_text().splitlines()
    records = [json.loads(line)["event"] for line in lines]
    file = tmp_path / "log.json"
    file.write_text("\n".join(map(json.dumps, records)))
    settings = {"open_params": str(file)}
    (spec,) = plugin.falcohost_sources(settings)
    source = spec.make(settings)
    source.open(Plan(source=spec.name), None)
    events = [event for batch in source.batches() for event in batch.events]
    source.close()
    return records, events, source.stats().dropped, plugin.falcohost_fields(spec.name), paths


def test_every_record_is_read(log):
    """Every record is served; only what CloudTrail itself would not send, without type or names, is left out."""
    records, events, dropped, fields, _ = log
    trail = any(field.name == "ct.name" for field in fields)
    whole = [record for record in records if "eventType" in record or {"eventName", "eventSource"} <= set(record)]
    left_out = len(records) - len(whole) if trail else 0

    assert sum(dropped.values()) == left_out
    assert len(events) == len(records) - left_out > 40


def test_every_field_can_be_asked(log):
    """No field fails on a record, and what it shows is a text, a number or a list of these."""
    _, events, _, fields, _ = log
    kinds = Counter()
    for event in events:
        event.whole()
        for field in fields:
            read = getter(field)
            for arg in arguments(field):
                value = read(event, arg)
                kinds.update(map(type, value) if isinstance(value, tuple) else [type(value)])

    assert set(kinds) <= {str, int, bool, type(None)}
    assert kinds[str] > 10 * len(events)


def test_fields_are_what_the_record_says(log):
    """A field shows what is at its path, as a text."""
    _, events, _, fields, paths = log
    by_name = {field.name: getter(field) for field in fields}
    seen = Counter()
    for event in events:
        event.whole()
        for name, path in paths.items():
            said = at(path)(event.record)
            shown = by_name[name](event, None)
            if said is not None and said != "":
                assert (name, json_text(said) if not isinstance(said, str) else said) == (name, shown)
                seen[name] += 1

    assert set(seen) == set(paths)

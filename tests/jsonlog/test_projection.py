"""The projection from the rules and the whole record give the same alerts: on public events, and on broken ones."""

import copy
import importlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcohost.engine.alerts import AlertMaker
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.events import Plan
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import Plugins, ask
from falcohost.jsonlog import JsonSource, Limits, Origin, Texts
from falcohost.jsonlog.projection import make_projection
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost.rules.selection import Selection
from falcohost.testing.projection import ODD

randoms = st.randoms(use_true_random=True)
few = settings(max_examples=settings().max_examples // 10)

#: Each source of JSON, its public rules and its public events.
SOURCES = {
    "k8saudit": ("k8s_audit_rules.yaml", "kubernetes.jsonl"),
    "cloudtrail": ("aws_cloudtrail_rules.yaml", "cloudtrail.jsonl"),
    "okta": ("okta_rules.yaml", "okta.jsonl"),
    "github": ("github.yaml", "github.jsonl"),
}


#: Payloads of webhooks, of which there are no public ones.
PAYLOADS = [
    {
        "webhook_type": kind,
        "action": action,
        "repository": {"html_url": "https://github.com/o/r", "private": action == "added", "owner": {"login": "o"}},
        "organization": {"login": "o"},
        "sender": {"login": "mona"},
        "member": {"login": "hubot"},
        "hook": {"id": 7, "type": "Repository"},
        "workflow": {"path": "ci.yml"},
        "workflow_miner_detections": {"name": "ci.yml", "matches": [{"type": "xmrig", "line": 7}]},
        "head_commit": {"id": "abc"},
        "files": [{"name": "config.py", "matches": [{"desc": "AWS Access Key", "line": 3}]}],
    }
    for kind, action in [
        ("ping", None), ("push", None), ("push", "added"), ("repository", "created"), ("repository", "publicized"),
        ("workflow_run", "requested"), ("member", "added"), ("deploy_key", "created"),
    ]
]  # fmt: skip


class Given:
    """Texts out of memory."""

    limits = Limits()
    done = None

    def __init__(self, data):
        self._data = data

    def open(self, refusals, cursor):
        """There is nothing to open."""

    def texts(self):
        """Yield all in one text."""
        yield Texts(Origin("memory", "1"), [(0, self._data)])

    def ack(self, cursor):
        """There are no cursors."""

    def close(self):
        """There is nothing to close."""


class Rules:
    """The public rules of one plugin, all of them on."""

    def __init__(self, plugin, file):
        self.log = importlib.import_module(f"falcohost_{plugin}.source").LOG
        plugins = Plugins((ask(plugin, importlib.import_module(f"falcohost_{plugin}.plugin"), "d", "1"),))
        options = LoadOptions(selections=[Selection(enable=True, rule="*")], plugins=plugins.stands_for())
        outcome = load_rules([read_file(str(file))], catalogs(plugins), options)
        outcome.check()
        self.rules = outcome.ruleset.enabled(self.log.source)
        self.match = Matcher(self.rules, first=False).match
        self.make = AlertMaker("host").make

    def alerts(self, data, *, projected):
        """Return all alerts on *data*, with or without the projection."""
        source = JsonSource(self.log, Given(data))
        source.open(make_plan(self.log.source, self.rules) if projected else Plan(self.log.source), None)
        found = []
        for batch in source.batches():
            for event in batch.events:
                alerts = [self.make(rule, event) for rule in self.match(event)]
                found += [_shown(alert) for alert in alerts if _timed(event)]
        return found


def _shown(alert):
    """Return of an alert what is the same in two runs; the values of conditions are kept by the clock."""
    return alert.id, alert.rule, alert.fields, alert.message, alert.subjects, alert.output


def _timed(event):
    """Tell whether the event has a time of its own; that of reading differs between two runs."""
    return event.ts < 1_790_000_000_000_000_000


@pytest.fixture(scope="module", params=SOURCES)
def rules(request, corpus):
    """Return the rules of one source."""
    return Rules(request.param, corpus / "rules" / SOURCES[request.param][0])


@pytest.fixture(scope="module")
def records(rules, corpus):
    """Return public events of the source, those that set off Falco's own cases among them, all with a time."""
    file = next(events for plugin, (_, events) in SOURCES.items() if plugin == rules.log.plugin)
    found = [json.loads(line)["event"] for line in (corpus / "events" / file).read_text().splitlines()]
    if rules.log.plugin == "k8saudit":
        traces = sorted((corpus / "regression" / "trace_files" / "k8s_audit").iterdir())
        found += [json.loads(line) for trace in traces for line in trace.read_text().splitlines() if line]
    if rules.log.plugin == "github":
        found += PAYLOADS
    path = (rules.log.time_paths or ("created_at",))[0]
    return [{**record, path: "2026-03-01T12:00:00Z"} for record in found]


def lines(records):
    """Return records one a line."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_there_is_a_projection(rules):
    """The public rules need no whole record in their conditions."""
    assert not make_projection(rules.log, make_plan(rules.log.source, rules.rules).condition).is_whole


def test_public_events(rules, records):
    """On public events both give the same alerts."""
    data = lines(records)
    alerts = rules.alerts(data, projected=False)

    assert len(alerts) > 7
    assert alerts == rules.alerts(data, projected=True)


def test_an_alert_about_what_conditions_read(corpus):
    """A record is decoded once if conditions have all that the output and the subjects read, and else completely."""
    rules = Rules("k8saudit", corpus / "rules/k8s_audit_rules.yaml")
    trace = corpus / "regression/trace_files/k8s_audit/create_nginx_pod_privileged.json"
    by_name = {rule.name: rule for rule in rules.rules}
    source = JsonSource(rules.log, Given(trace.read_bytes()))
    source.open(make_plan(rules.log.source, rules.rules), None)
    event = next(event for batch in source.batches() for event in batch.events)
    alert = rules.make(by_name["Create Privileged Pod"], event)

    assert (False, 2) == (event.is_whole, len(alert.subjects))
    alert = rules.make(by_name["All K8s Audit Events"], event)
    assert (True, True) == (event.is_whole, "requestReceivedTimestamp" in alert.fields["jevt.obj"])


def test_an_alert_is_decoded_as_far_as_it_reads(corpus):
    """Where subjects are decoded for alerts only, that reads what the output and they have, and what conditions had."""
    rules = Rules("cloudtrail", corpus / "rules/aws_cloudtrail_rules.yaml")
    record = {
        "eventType": "AwsApiCall", "eventName": "CreateUser", "eventSource": "iam.amazonaws.com", "awsRegion": "eu-1",
        "eventTime": "2026-03-01T12:00:00Z", "sourceIPAddress": "192.0.2.1", "requestID": "7",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/mona", "userName": "mona"},
        "resources": [{"ARN": "arn:aws:iam::1:user/new"}],
    }  # fmt: skip
    source = JsonSource(rules.log, Given(json.dumps({"Records": [record]}).encode()))
    source.open(make_plan(rules.log.source, rules.rules), None)
    event = next(event for batch in source.batches() for event in batch.events)
    before = event.record
    alert = rules.make(next(rule for rule in rules.rules if rule.name == "Create AWS user"), event)

    assert ["arn:aws:iam::1:user/mona", "arn:aws:iam::1:user/new"] == [one.name for one in alert.subjects]
    assert ("mona", "192.0.2.1") == (alert.fields["ct.user"], alert.fields["ct.srcip"])
    assert (False, False) == (event.is_whole, "requestID" in event.record)
    assert before.keys() < event.record.keys()


@given(randoms)
@few
def test_odd_values(rules, records, chance):
    """Both give the same alerts on records with missing members and odd values."""
    data = lines(_odd(chance, chance.choice(records)) for _ in range(60))

    assert rules.alerts(data, projected=False) == rules.alerts(data, projected=True)


@given(randoms)
@few
def test_odd_texts(rules, records, chance):
    """Both give the same alerts where the text is odd: bytes that are no text, a key twice, deep nesting."""
    data = b"\n".join(_odd_text(chance, json.dumps(chance.choice(records)).encode()) for _ in range(30))

    assert rules.alerts(data, projected=False) == rules.alerts(data, projected=True)


def _odd(chance, record):
    """Return a copy of *record* in which up to three members are odd, or gone."""
    changed = json.loads(json.dumps(record))
    for _ in range(chance.randint(1, 3)):
        holders = [changed, *_objects(changed)]
        holder = chance.choice(holders)
        if not holder:
            continue
        key = chance.choice(list(holder))
        if chance.random() < 0.2:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD))
    return changed


def _objects(value):
    """Yield the objects below *value*."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(inner, dict):
            yield inner
        yield from _objects(inner)


_INSERTS = (
    b"\xff", b"\xed\xa0\x80", rb"\ud800", rb"\udc00\ud800", rb"\u0000", b"1e999", b"9" * 5000, b"[" * 40 + b"]" * 40,
    b"[" * 2000 + b"]" * 2000, b"null", b'"verb":"delete",', b'"eventName":{},', b'"user":null,', b"\n", b"{}",
    b'{"a":1,', b'"items":[1],', b'"Records":[{}],', b",", b"\x00",
)  # fmt: skip


def _odd_text(chance, text):
    """Return *text* with one or two pieces put in at places where something stands already, or cut out."""
    for _ in range(chance.randint(1, 2)):
        at = chance.choice([place for place, byte in enumerate(text) if byte in b'",:{[']) + 1
        if chance.random() < 0.15:
            text = text[:at] + text[at + chance.randint(1, 5) :]
        else:
            text = text[:at] + chance.choice(_INSERTS) + text[at:]
    return text

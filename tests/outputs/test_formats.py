"""The forms of alerts: what is published about each is held against what is written, for alerts of all sources."""

import ipaddress
import json
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost import OutputRefused
from falcohost.alert import Priority, RuleMetadata
from falcohost.engine.alerts import JsonOptions
from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.host.config.for_plugins import ForPlugins
from falcohost.host.plugins import load_all
from falcohost.outputs.formats import FORMATS, make_format, together
from falcohost.outputs.formats import ecs as ecs_format
from falcohost.outputs.formats import ocsf as ocsf_format
from falcohost.outputs.formats.facts import _FACTS
from falcohost.outputs.http import make_output
from falcohost.testing.outputs import alert
from falcohost.testing.receiver import Receiver

SCHEMAS = Path(__file__).parent / "schemas"

SYSCALL = {
    "evt.type": "execve", "evt.time": 1_700_000_000_123_456_789, "proc.name": "bash", "proc.pid": 42, "proc.ppid": 41,
    "proc.pname": "runc", "proc.exepath": "/bin/bash", "proc.cmdline": "bash -c 'id'", "proc.pcmdline": "runc init",
    "proc.cwd": "/root/", "thread.tid": 43, "user.name": "root", "user.uid": 0, "group.name": "root", "group.gid": 0,
    "container.id": "3ad7b26ded6d", "container.name": "web", "container.image.repository": "docker.io/nginx",
    "container.image.tag": "1.25", "container.image.id": "sha256:1", "container.privileged": True,
    "k8s.ns.name": "default", "k8s.pod.name": "web-1", "fd.name": "/etc/shadow", "fd.sip": "10.0.0.1", "fd.sport": 443,
    "fd.cip": "10.0.0.2", "fd.cport": 50000, "fd.l4proto": "tcp", "fd.sip.name": "x.example", "proc.aname[2]": None,
}  # fmt: skip
CLOUD = {"ct.name": "ConsoleLogin", "ct.user": "alice", "ct.srcip": "192.0.2.1", "ct.region": "eu-west-1"} | {
    "ct.user.accountid": "123456789012", "ct.useragent": "curl/8", "ct.info": "x", "ct.user.principalid": "AIDA",
}  # fmt: skip
AUDIT = {"ka.verb": "create", "ka.user.name": "bob", "ka.target.name": "web", "ka.target.namespace": "prod"} | {
    "ka.target.resource": "pods", "ka.sourceips": ["192.0.2.7", "x"], "ka.req.pod.run_as_user": [1.5, None, {"a": [1]}],
}  # fmt: skip
#: Values of the wrong types, and of the wrong kind of text.
HOSTILE = dict.fromkeys([name for fact in _FACTS.values() for name in fact.fields], "\u202e\x00 not a number")


def example(fields, source="syscall", **changes):
    """Return an alert with these fields."""
    one = msgspec.structs.replace(
        alert("Terminal shell in container"),
        fields=fields,
        source=source,
        time=1_700_000_000_123_456_789,
        hostname="node-1",
        tags=("container", "mitre_execution", "T1059.004"),
        metadata=RuleMetadata(description="A shell."),
    )
    return msgspec.structs.replace(one, **changes)


EXAMPLES = {
    "syscall": example(SYSCALL),
    "cloudtrail": example(CLOUD, "aws_cloudtrail"),
    "audit": example(AUDIT, "k8s_audit"),
    "nothing": example({}, "internal", hostname="", tags=(), metadata=RuleMetadata()),
    "hostile": example(HOSTILE),
    **{name: example(SYSCALL, priority=Priority[name]) for name in Priority.__members__},
}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
#: Any values in the fields that forms read.
ANY = st.dictionaries(st.sampled_from(sorted(HOSTILE)) | st.text(), VALUES, max_size=12)


def written(name, one):
    """Return an alert in a form, parsed."""
    line = make_format(name, JsonOptions()).line(one)
    assert b"\n" not in line
    return json.loads(line)


def test_every_field_that_is_read_exists():
    """The fields that facts are read from are those of plugins."""
    offered = [fields for plugin in load_all(ForPlugins()).loaded for fields in plugin.fields.values()]
    known = {field.name for fields in offered for field in fields}

    assert set() == set(HOSTILE) - known


# OCSF

OCSF = json.loads((SCHEMAS / "ocsf.json").read_text())

_TYPES = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "float_t": float, "json_t": object}


def check_ocsf(value, name, place=""):
    """Assert that an object is what the published schema says of its type."""
    known = OCSF["objects"][name]
    rows = {key: row.split(" ") for key, row in known["attributes"].items()}
    for key, (need, *_) in rows.items():
        if need == "required" and not any(part.startswith("profile=") for part in rows[key]):
            assert key in value, f"{place}: {key} is required"
    for key, inner in value.items():
        assert key in rows, f"{place}: {name} has no {key}"
        _, kind, *more = rows[key]
        assert not [part for part in more if part.startswith("profile=")], f"{place}.{key} needs a profile"
        items = inner if kind.endswith("[]") else [inner]
        assert isinstance(items, list), f"{place}.{key}"
        for item in items:
            check_ocsf_value(item, kind.removesuffix("[]"), more, f"{place}.{key}")
    if "at_least_one" in known:
        assert set(known["at_least_one"]) & value.keys(), f"{place}: {name} needs one of {known['at_least_one']}"


def check_ocsf_value(item, kind, more, place):
    """Assert that a value is of its type, and one of its values if these are listed."""
    if kind in _TYPES:
        assert isinstance(item, _TYPES[kind]), f"{place}: {item!r} is no {kind}"
        assert kind == "boolean_t" or kind == "json_t" or not isinstance(item, bool), place
        if more:
            assert item in map(int, more[0].split(",")), f"{place}: {item}"
    elif kind == "object":
        assert isinstance(item, dict)
    else:
        check_ocsf(item, kind, place)


@pytest.mark.parametrize("name", EXAMPLES)
def test_ocsf(name):
    """A finding has what the schema requires, nothing that it does not know, and values of the right types."""
    found = written("ocsf", EXAMPLES[name])
    check_ocsf(found, "detection_finding")

    assert (OCSF["version"], OCSF["class_uid"], OCSF["category_uid"]) == (
        found["metadata"]["version"], found["class_uid"], found["category_uid"],
    )  # fmt: skip
    assert ocsf_format.VERSION == OCSF["version"]
    assert found["class_uid"] * 100 + found["activity_id"] == found["type_uid"]
    assert 1_700_000_000_123 == found["time"]


def test_ocsf_says_it():
    """What an alert says is where the schema has it."""
    (evidence,) = (found := written("ocsf", EXAMPLES["syscall"]))["evidences"]

    assert {"technique": {"uid": "T1059"}, "sub_technique": {"uid": "T1059.004"}} == found["finding_info"]["attacks"][0]
    assert ("/etc/shadow", "shadow") == (evidence["file"]["path"], evidence["file"]["name"])
    assert {"uid": "0", "name": "root", "groups": [{"uid": "0", "name": "root"}]} == evidence["actor"]["user"]
    assert ("bash", 42) == (evidence["process"]["name"], evidence["process"]["pid"])
    assert {"pid": 41, "name": "runc", "cmd_line": "runc init"} == evidence["process"]["parent_process"]
    assert {"ip": "10.0.0.1", "port": 443} == evidence["dst_endpoint"]
    assert SYSCALL == evidence["data"]
    (cloud,) = written("ocsf", EXAMPLES["cloudtrail"])["evidences"]
    assert "ConsoleLogin" == cloud["api"]["operation"]


@given(ANY)
def test_ocsf_of_anything(fields):
    """Whatever fields hold, the finding is valid."""
    check_ocsf(written("ocsf", example(fields)), "detection_finding")


# ECS

ECS = json.loads((SCHEMAS / "ecs.json").read_text())
#: Where ECS 9.4 lets us keep what it has no names for.
OWN = "falcohost."


def leaves(value, place=""):
    """Yield the names and values of all fields."""
    for key, inner in value.items():
        if isinstance(inner, dict) and key != "output_fields":
            yield from leaves(inner, f"{place}{key}.")
        else:
            yield f"{place}{key}", inner


def check_ecs(found):
    """Assert that each field is one of ECS, with a value of its type."""
    for name, value in leaves(found):
        if name.startswith(OWN):
            continue
        kind = ECS["fields"][name]
        for item in value if isinstance(value, list) else [value]:
            if kind.startswith(("keyword", "wildcard", "match_only_text", "text")):
                assert isinstance(item, str), (name, item)
            elif kind.startswith("long"):
                assert isinstance(item, int) and not isinstance(item, bool) and abs(item) < 2**63, (name, item)
            elif kind.startswith("boolean"):
                assert isinstance(item, bool), (name, item)
            elif kind.startswith("ip"):
                ipaddress.ip_address(item)
            elif kind.startswith("date"):
                datetime.fromisoformat(item[:26] + "Z")
            else:
                raise AssertionError(name, kind)
        assert isinstance(value, list) == kind.endswith("[]"), name


@pytest.mark.parametrize("name", EXAMPLES)
def test_ecs(name):
    """Every field is one of ECS 9.4 with a value of its type, and those that an alert has to have are there."""
    found = written("ecs", EXAMPLES[name])
    check_ecs(found)

    assert ECS["version"] == found["ecs"]["version"] == ecs_format.VERSION
    assert ("alert", ["intrusion_detection"]) == (found["event"]["kind"], found["event"]["category"])
    assert "2023-11-14T22:13:20.123456789Z" == found["@timestamp"]


def test_ecs_says_it():
    """What an alert says is where ECS has it, and all of its fields are kept."""
    found = written("ecs", EXAMPLES["syscall"])

    assert {"pid": 41, "name": "runc", "command_line": "runc init"} == found["process"]["parent"]
    assert ("root", "0") == (found["user"]["name"], found["user"]["id"])
    assert {"ip": "10.0.0.2", "port": 50000} == found["source"]
    pod = {"type": "kubernetes", "namespace": "default", "resource": {"name": "web-1", "type": "pod"}}
    assert pod == found["orchestrator"]
    assert ("T1059",) == tuple(found["threat"]["technique"]["id"])
    kept = found["falcohost"]["output_fields"]
    assert {name.replace(".", "_"): value for name, value in SYSCALL.items()} == kept
    cloud = written("ecs", EXAMPLES["cloudtrail"])["cloud"]
    assert {"provider": "aws", "region": "eu-west-1", "account": {"id": "123456789012"}} == cloud


@given(ANY)
def test_ecs_of_anything(fields):
    """Whatever fields hold, all are fields of ECS, and of their types."""
    check_ecs(written("ecs", example(fields)))


# OTLP

OLD = "rejected: too old"


def decoded(data):
    """Return the log records of a request, read by OpenTelemetry's own classes, with their hosts."""
    pytest.importorskip("opentelemetry.proto", reason="opentelemetry-proto is not installed")
    from google.protobuf import json_format
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = json_format.Parse(data, ExportLogsServiceRequest())
    return [
        (dict(attributes_of(logs.resource.attributes)).get("host.name"), record)
        for logs in request.resource_logs
        for scope in logs.scope_logs
        for record in scope.log_records
    ]


def attributes_of(rows):
    """Yield names and values of attributes."""
    for row in rows:
        yield row.key, value_of(row.value)


def value_of(value):
    """Return what an AnyValue is."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return dict(attributes_of(value.kvlist_value.values))
    return None if kind is None else getattr(value, kind)


@pytest.mark.parametrize("name", ["syscall", "cloudtrail", "audit", "nothing", "EMERGENCY", "DEBUG"])
def test_otlp(name):
    """OpenTelemetry's classes read time, severity, and the whole alert."""
    one = EXAMPLES[name]
    ((host, record),) = decoded(make_format("otlp", JsonOptions()).line(one))
    found = dict(attributes_of(record.attributes))

    assert (one.time, one.message, one.hostname or None) == (record.time_unix_nano, record.body.string_value, host)
    assert one.fields.items() <= found.items()
    assert (one.id, one.rule, one.source, list(one.tags)) == tuple(
        found[f"falcohost.{key}"] for key in ("id", "rule", "source", "tags")
    )
    assert {"EMERGENCY": 21, "DEBUG": 5}.get(name, 13) == record.severity_number


@given(ANY)
def test_otlp_of_anything(fields):
    """Whatever fields hold, the record can be read."""
    assert 1 == len(decoded(make_format("otlp", JsonOptions()).line(example(fields))))


def test_otlp_over_http():
    """A batch is one request with all alerts in order, each under its host."""
    receiver = Receiver()
    url = f"http://127.0.0.1:{receiver.port}/v1/logs"
    text = f"http_output: {{enabled: true, url: '{url}', batch: 100, keep_alive: true}}"
    try:
        output = make_output(
            parse(read_text(text, "x")).outputs.enabled["http"].block, make_format("otlp", JsonOptions())
        )
        output.deliver([example(SYSCALL, id=str(number), hostname=f"h{number % 2}") for number in range(10)])
        output.close()
        ((headers, body),) = receiver.requests
    finally:
        receiver.close()

    assert "application/json" == headers["Content-Type"]
    assert ["h0"] * 5 + ["h1"] * 5 == [host for host, _ in decoded(body)]
    ids = [dict(attributes_of(record.attributes))["falcohost.id"] for _, record in decoded(body)]
    assert ["0", "2", "4", "6", "8", "1", "3", "5", "7", "9"] == ids


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ({"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too \x1bold"}}, dict.fromkeys((0, 1), OLD)),
        ({"partialSuccess": {"rejectedLogRecords": 2}}, {0: "rejected: ", 1: "rejected: "}),
        ({"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "one"}}, {}),
        ({"partialSuccess": {"errorMessage": "a warning"}}, {}),
        ({}, {}),
        ([], {}),
        ({"partialSuccess": {"rejectedLogRecords": -5}}, {}),
    ],
)
def test_otlp_partial_success(answer, refused, caplog):
    """What a receiver rejects is parked if that is all of a request, and else told."""
    receiver = Receiver()
    receiver.answer = lambda body: (200, {}, json.dumps(answer).encode())
    text = f"http_output: {{enabled: true, url: 'http://127.0.0.1:{receiver.port}/', batch: 10}}"
    output = make_output(parse(read_text(text, "x")).outputs.enabled["http"].block, make_format("otlp", JsonOptions()))
    found = {}
    try:
        output.deliver([example(SYSCALL, id="1"), example(SYSCALL, id="2")])
    except OutputRefused as error:
        found = error.refused
    output.close()
    receiver.close()

    assert refused == {place: reason.replace("\ufffd", "") for place, reason in found.items()}
    assert ("has rejected 1 alerts" in caplog.text) == ("one" in str(answer))
    assert 1 == len(receiver.bodies)


# All


@pytest.mark.parametrize("name", FORMATS)
def test_together(name):
    """Several alerts are one message that can be told apart again."""
    form = make_format(name, JsonOptions())
    data = together(form, [EXAMPLES["syscall"], EXAMPLES["audit"]])

    if name == "text":
        assert 2 == len(data.splitlines())
    elif name != "otlp":
        assert [written(name, EXAMPLES[one]) for one in ("syscall", "audit")] == json.loads(data)

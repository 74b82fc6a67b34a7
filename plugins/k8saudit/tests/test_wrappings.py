"""Audit events in the logs of clouds: each is served as the event that it wraps, with its place as its key."""

from __future__ import annotations

import json

import pytest

from falcohost.events import Plan
from falcohost.ir import Exists, FieldRef
from falcohost.jsonlog import JsonSource, file_input
from falcohost_k8saudit import plugin
from falcohost_k8saudit.fields import FIELDS
from falcohost_k8saudit.source import LOG
from falcohost_k8saudit.wrappings import unwrapped

EVENT = {
    "kind": "Event",
    "auditID": "1",
    "stage": "ResponseComplete",
    "stageTimestamp": "2026-03-01T12:00:00.000000Z",
    "verb": "create",
    "user": {"username": "mona@example.com"},
    "userAgent": "kubectl/v1.35.0",
    "sourceIPs": ["203.0.113.9"],
    "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web", "apiVersion": "v1"},
    "responseStatus": {"code": 101},
    "requestURI": "/api/v1/namespaces/shop/pods/web/exec?command=sh",
}
AZURE = {"category": "kube-audit", "properties": {"log": json.dumps(EVENT), "pod": "kube-apiserver-1"}}
CLOUDWATCH = {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "3", "timestamp": 1, "message": json.dumps(EVENT)}]}


def google(method="io.k8s.core.v1.pods.exec.create", name="core/v1/namespaces/shop/pods/web/exec", **members):
    """Return an entry of Google's Cloud Logging."""
    payload = {
        "serviceName": "k8s.io",
        "methodName": method,
        "resourceName": name,
        "authenticationInfo": {"principalEmail": "mona@example.com"},
        "requestMetadata": {"callerIp": "203.0.113.9", "callerSuppliedUserAgent": "kubectl/v1.35.0"},
        **members,
    }
    return {"insertId": "1", "timestamp": "2026-03-01T12:00:00.000000Z", "protoPayload": payload}


@pytest.fixture
def read(tmp_path):
    """Return a function that returns the events that the source serves of records in a file."""

    def read(*records):
        path = tmp_path / "audit.log"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        (spec,) = plugin.falcohost_sources({"open_params": str(path)})
        source = spec.make({"open_params": str(path)})
        source.open(Plan(source=spec.name), None)
        try:
            return [event for batch in source.batches() for event in batch.events]
        finally:
            source.close()

    return read


def shown(event, *names):
    """Return values of fields."""
    fields = {field.name: field for field in FIELDS}
    return [fields[name].get(event, None) for name in names]


@pytest.mark.parametrize(
    "record",
    [AZURE, {"records": [AZURE]}, CLOUDWATCH, google()],
    ids=["azure", "azure's array", "cloudwatch", "google"],
)
def test_is_the_event(read, record):
    """What is wrapped is an event like any other."""
    (event,) = read(record)

    assert [
        "create", "mona@example.com", "pods", "exec", "shop", "web", "kubectl/v1.35.0",
    ] == shown(
        event, "ka.verb", "ka.user.name", "ka.target.resource", "ka.target.subresource", "ka.target.namespace",
        "ka.target.name", "ka.useragent",
    )  # fmt: skip
    assert shown(event, "ka.uri")[0].startswith("/api/v1/namespaces/shop/pods/web/exec")


def test_among_others(read):
    """Events, wrapped and not, are served in their order, each with a key of its own."""
    events = read(EVENT, AZURE, EVENT, google())

    assert [101, 101, 101, 201] == [event.record["responseStatus"]["code"] for event in events]
    assert len({event.key for event in events}) == 4


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({}, 201),
        ({"status": {"code": 7}}, 403),
        ({"status": {"code": 16}}, 401),
        ({"status": {"code": 99}}, 500),
        ({"authorizationInfo": [{"granted": False}]}, 403),
        ({"authorizationInfo": [{"granted": True}]}, 201),
    ],
)
def test_googles_status(members, code):
    """The status is HTTP's for Google's code; a request that was not granted is one that was refused."""
    assert code == unwrapped(google(**members))["responseStatus"]["code"]


@pytest.mark.parametrize(
    ("name", "ref", "uri"),
    [
        (
            "rbac.authorization.k8s.io/v1/clusterroles/view",
            {"apiGroup": "rbac.authorization.k8s.io", "apiVersion": "v1", "resource": "clusterroles", "name": "view"},
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/view",
        ),
        ("core/v1/secrets", {"apiVersion": "v1", "resource": "secrets"}, "/api/v1/secrets"),
        (
            "core/v1/namespaces/shop",
            {"apiVersion": "v1", "resource": "namespaces", "name": "shop"},
            "/api/v1/namespaces/shop",
        ),
        ("/readyz", {}, "/readyz"),
    ],
)
def test_googles_places(name, ref, uri):
    """The name of a resource is the reference to an object, and a path."""
    event = unwrapped(google(name=name))

    assert (ref, uri) == (event["objectRef"], event["requestURI"])


@pytest.mark.parametrize(
    "record",
    [
        {**AZURE, "kind": "Event"},
        {"category": "Administrative", "properties": {"log": "{}"}},
        {"category": "kube-audit", "properties": {"log": "{"}},
        {"category": "kube-audit", "properties": None},
        {"protoPayload": {"serviceName": "compute.googleapis.com", "methodName": "compute.instances.list"}},
        {"protoPayload": {"serviceName": "k8s.io"}},
        {"protoPayload": [1]},
        {"message": 3, "timestamp": 1},
    ],
)
def test_nothing_is_wrapped(record):
    """A record that is an event, or no known wrapping, stays as it is."""
    assert unwrapped(record) is None


def test_events_that_only_look_wrapped(tmp_path):
    """Events that have a kind are decoded together, as far as rules read them, whatever else is named in them."""
    plain = EVENT | {"requestObject": {"logEvents": [], "protoPayload": {"serviceName": "k8s.io"}}}

    assert [("create", False)] * 2 == verbs(tmp_path, plain, plain)
    assert [("create", True)] * 3 == verbs(tmp_path, plain, AZURE, plain)
    assert [("create", True)] * 2 == verbs(tmp_path, plain, CLOUDWATCH)


def verbs(folder, *records):
    """Return the verb of each event in a file, decoded for a rule about these, and whether the event is complete."""
    (folder / "audit.log").write_text("".join(json.dumps(record) + "\n" for record in records))
    source = JsonSource(LOG, file_input(str(folder / "audit.log"), plugin="k8saudit"))
    verb = next(field for field in FIELDS if field.name == "ka.verb")
    source.open(Plan(source=LOG.source, condition=Exists(FieldRef(verb, None, verb.name))), None)
    try:
        return [(event.record["verb"], event.is_whole) for batch in source.batches() for event in batch.events]
    finally:
        source.close()

"""The rules that the plugin ships: each fires on its events and, alone, on none of the close ones beside them."""

from __future__ import annotations

import json

import pytest
import yaml
from k8s_exemplars import EXEMPLARS

from falcohost.testing import rules_fired
from falcohost_k8saudit import plugin

RULES = list(plugin.falcohost_rules())


def event(verb, resource, part=None, **members):
    """Return the event of a request that succeeded, about *part* of *resource* or all of it."""
    ref = {"resource": resource, "name": "it", "namespace": "shop"} | ({"subresource": part} if part else {})
    return {
        "kind": "Event",
        "stage": "ResponseComplete",
        "stageTimestamp": "2026-03-01T12:00:00Z",
        "verb": verb,
        "user": {"username": "system:serviceaccount:shop:web"},
        "objectRef": ref,
        "responseStatus": {"code": 200},
        **members,
    }


def binding(*subjects):
    """Return the event of a binding of a role to *subjects*."""
    named = [{"kind": kind, "name": name} for kind, name in subjects]
    return event("create", "clusterrolebindings", requestObject={"roleRef": {"name": "view"}, "subjects": named})


def role(verb):
    """Return the event of a role that allows *verb*."""
    return event("patch", "clusterroles", requestObject={"rules": [{"verbs": ["get"]}, {"verbs": [verb]}]})


REFUSED = {"responseStatus": {"code": 403}}
EARLY = {"stage": "RequestReceived"}
KUBELET = {"user": {"username": "system:node:one"}}
CONTROLLER = {"user": {"username": "system:serviceaccount:kube-system:certificate-controller"}}
AS_ADMIN = {"impersonatedUser": {"username": "admin"}}

#: For each rule events that fire it, and events that fire nothing.
EVENTS = {
    "K8s secrets read in bulk": (
        [event("list", "secrets"), event("watch", "secrets", stage="ResponseStarted")],
        [
            event("get", "secrets"),
            event("list", "configmaps"),
            event("list", "secrets", **REFUSED),
            event("watch", "secrets"),
            event("list", "secrets", **KUBELET),
        ],
    ),
    "K8s user impersonated": (
        [event("get", "pods", **AS_ADMIN), event("get", "pods", **AS_ADMIN, **REFUSED)],
        [event("get", "pods"), event("get", "pods", **AS_ADMIN, **EARLY)],
    ),
    "K8s certificate approved": (
        [event("update", "certificatesigningrequests", "approval")],
        [
            event("update", "certificatesigningrequests", "status"),
            event("update", "certificatesigningrequests", "approval", **CONTROLLER),
        ],
    ),
    "K8s service account token made": (
        [event("create", "serviceaccounts", "token")],
        [event("create", "serviceaccounts"), event("create", "serviceaccounts", "token", **KUBELET)],
    ),
    "K8s admission webhook changed": (
        [event("create", "mutatingwebhookconfigurations"), event("delete", "validatingwebhookconfigurations")],
        [event("get", "mutatingwebhookconfigurations"), event("create", "mutatingwebhookconfigurations", **REFUSED)],
    ),
    "K8s role that gives more rights than its maker has": (
        [role("impersonate"), role("bind"), role("escalate")],
        [role("list")],
    ),
    "K8s role bound to everybody": (
        [
            binding(("User", "system:anonymous")),
            binding(("User", "ann"), ("Group", "system:unauthenticated")),
            binding(("Group", "system:authenticated")),
        ],
        [binding(("User", "ann")), binding(("ServiceAccount", "system:anonymous"))],
    ),
    "K8s node reached through the API server": (
        [event("get", "nodes", "proxy"), event("create", "nodes", "proxy", **REFUSED)],
        [event("get", "nodes"), event("get", "nodes", "proxy", **EARLY)],
    ),
    "K8s events deleted": (
        [event("delete", "events"), event("deletecollection", "events")],
        [event("create", "events"), event("delete", "events", **REFUSED)],
    ),
}


@pytest.fixture
def fired(tmp_path):
    """Return a function that returns the rules that fire on each of the events given."""

    def fired(events):
        (tmp_path / "audit.log").write_text("\n".join(map(json.dumps, events)))
        return rules_fired(plugin, "k8s_audit", RULES, {"open_params": str(tmp_path / "audit.log")})

    return fired


def test_all_rules_are_here():
    """There are events for each rule that is shipped."""
    names = {entry["rule"] for path in RULES for entry in yaml.safe_load(path.read_text()) if "rule" in entry}

    assert names == {*EVENTS, *EXEMPLARS}


@pytest.mark.parametrize("name", EVENTS)
def test_fires(fired, name):
    """The rule, and no other of these, fires on its events; none fires on those beside them."""
    on, beside = EVENTS[name]

    found = [[rule for rule in rules if rule in EVENTS] for rules in fired([*on, *beside])]

    assert found == [[name]] * len(on) + [[]] * len(beside)

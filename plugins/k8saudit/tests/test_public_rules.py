"""Falco's public rules for the Kubernetes audit log, all of them, each with an event that fires it and a twin."""

from __future__ import annotations

import copy
import json

import pytest
import yaml

from falcohost.testing import rules_fired
from falcohost_k8saudit import plugin

#: The public rules leave it to the user to say what is allowed; four of them fire only when something is not.
LOCAL = """
- macro: allowed_k8s_containers
  condition: ka.req.pod.containers.image.repository in (nginx)
- macro: allowed_full_admin_users
  condition: ka.user.name = nobody
- macro: allow_all_k8s_nodes
  condition: ka.user.name = nobody
- list: allowed_k8s_nodes
  items: [known-node]
"""


def event(verb, resource, **members):
    """Return the event of a request that a known user made and that succeeded."""
    return {
        "kind": "Event",
        "auditID": "7d2f",
        "stage": "ResponseComplete",
        "stageTimestamp": "2026-03-01T12:00:00.123456Z",
        "requestURI": f"/api/v1/{resource}",
        "verb": verb,
        "user": {"username": "minikube", "groups": ["system:masters"]},
        "objectRef": {"resource": resource, "namespace": "shop", "name": "it"},
        "responseStatus": {"code": 200},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        **members,
    }


def changed(record, path, value):
    """Return *record* with another value at *path*."""
    twin = copy.deepcopy(record)
    *way, last = path.split(".")
    holder = twin
    for key in way:
        holder = holder.setdefault(key, {})
    holder[last] = value
    return twin


def twins(record, path, value):
    """Return *record*, and the same with another value at *path*."""
    return record, changed(record, path, value)


def pod(**spec):
    """Return the event of the creation of a pod."""
    return event("create", "pods", requestObject={"spec": {"containers": [{"name": "a", "image": "redis:6"}], **spec}})


def part(verb, subresource, **members):
    """Return the event of a request about a part of a pod."""
    ref = {"resource": "pods", "subresource": subresource, "name": "web", "namespace": "shop"}
    return event(verb, "pods", **{"objectRef": ref, **members})


def role(resource, **rule):
    """Return the event of the creation of a role."""
    return event("create", resource, requestObject={"rules": [{"resources": ["pods"], "verbs": ["get"]}, rule]})


PRIVILEGED = {"containers": [{"image": "redis:6"}, {"image": "b", "securityContext": {"privileged": True}}]}
BINDING = event("create", "clusterrolebindings", requestObject={"roleRef": {"name": "cluster-admin"}})
CONFIG = event("update", "configmaps", requestObject={"data": {"file": "password=x"}})
SERVICE = event("create", "services", requestObject={"spec": {"type": "NodePort"}})
MOUNT = pod(volumes=[{"hostPath": {"path": "/srv"}}, {"hostPath": {"path": "/etc"}}])
SYSTEM_ROLE = changed(event("patch", "clusterroles"), "objectRef.name", "system:node")
IN_KUBE = changed(pod(), "objectRef.namespace", "kube-system")
ACCOUNT = changed(event("create", "serviceaccounts"), "objectRef.namespace", "kube-public")
INGRESS = event("create", "ingresses", requestObject={"spec": {"rules": []}})
ANONYMOUS = changed(event("get", "secrets"), "user.username", "system:anonymous")
ADMIN = changed(event("list", "nodes"), "user.username", "kubernetes-admin")

EVENTS = {
    "Disallowed K8s User": twins(changed(event("get", "pods"), "user.username", "eve"), "user.username", "kubelet"),
    "Create Disallowed Pod": twins(pod(), "requestObject.spec.containers", [{"image": "nginx:1"}]),
    "Create Privileged Pod": twins(pod(**PRIVILEGED), "requestObject.spec.containers", [{"image": "redis:6"}]),
    "Create Sensitive Mount Pod": twins(MOUNT, "requestObject.spec.volumes", [{"hostPath": {"path": "/srv"}}]),
    "Create HostNetwork Pod": twins(pod(hostNetwork=True), "requestObject.spec.hostNetwork", False),
    "Create HostPid Pod": twins(pod(hostPID=True), "requestObject.spec.hostPID", False),
    "Create HostIPC Pod": twins(pod(hostIPC=True), "requestObject.spec.hostIPC", False),
    "Create NodePort Service": twins(SERVICE, "requestObject.spec.type", "ClusterIP"),
    "Create/Modify Configmap With Private Credentials": twins(CONFIG, "requestObject.data", {"file": "x"}),
    "Anonymous Request Allowed": twins(ANONYMOUS, "requestURI", "/healthz?verbose"),
    "Attach/Exec Pod": twins(part("get", "exec", stage="ResponseStarted"), "objectRef.subresource", "log"),
    "port-forward": twins(part("create", "portforward"), "objectRef.subresource", "proxy"),
    "EphemeralContainers Created": twins(part("patch", "ephemeralcontainers"), "verb", "get"),
    "Create Disallowed Namespace": twins(event("create", "namespaces"), "objectRef.name", "default"),
    "Pod Created in Kube Namespace": twins(IN_KUBE, "objectRef.namespace", "shop"),
    "Service Account Created in Kube Namespace": twins(ACCOUNT, "objectRef.name", "coredns"),
    "System ClusterRole Modified/Deleted": twins(SYSTEM_ROLE, "objectRef.name", "system:coredns"),
    "Attach to cluster-admin Role": twins(BINDING, "requestObject.roleRef.name", "view"),
    "ClusterRole With Wildcard Created": (role("roles", verbs=["*"]), role("roles", verbs=["list"])),
    "ClusterRole With Write Privileges Created": (
        role("clusterroles", verbs=["get", "patch"]),
        role("clusterroles", verbs=["get"]),
    ),
    "ClusterRole With Pod Exec Created": (
        role("clusterroles", resources=["pods/exec"]),
        role("clusterroles", resources=["pods/log"]),
    ),
    "K8s Secret Get Successfully": twins(event("get", "secrets"), "responseStatus.code", 403),
    "K8s Secret Get Unsuccessfully Tried": twins(event("get", "secrets", responseStatus={"code": 403}),
                                                 "responseStatus.code", 200),
    "All K8s Audit Events": twins(event("get", "pods", stageTimestamp="1970-01-01T00:00:00Z"),
                                  "stageTimestamp", "1970-01-01T00:00:00.000000001Z"),
    "Full K8s Administrative Access": twins(ADMIN, "user.username", "kubelet"),
    "Ingress Object without TLS Certificate Created": twins(INGRESS, "requestObject.spec.tls", [{"hosts": []}]),
    "Untrusted Node Successfully Joined the Cluster": twins(event("create", "nodes"), "objectRef.name", "known-node"),
    "Untrusted Node Unsuccessfully Tried to Join the Cluster": twins(
        event("create", "nodes", responseStatus={"code": 409}), "responseStatus.code", 201
    ),
}  # fmt: skip

for thing, resource in {
    "Deployment": "deployments", "Service": "services", "ConfigMap": "configmaps", "Namespace": "namespaces",
    "Serviceaccount": "serviceaccounts", "Role": "roles", "ClusterRole": "clusterroles", "Secret": "secrets",
    "RoleBinding": "rolebindings", "ClusterRoleBinding": "clusterrolebindings",
}.items():  # fmt: skip
    EVENTS[f"K8s {thing} Created"] = twins(event("create", resource), "responseStatus.code", 403)
    EVENTS[f"K8s {thing} Deleted"] = twins(event("delete", resource), "stage", "RequestReceived")


@pytest.fixture(scope="module")
def rules(corpus):
    """Return the public rules file."""
    return corpus / "rules" / "k8s_audit_rules.yaml"


@pytest.fixture(scope="module")
def fired(rules, tmp_path_factory):
    """Return, for each rule of :data:`EVENTS`, the rules that fire on its event, and those that fire on the twin."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "local.yaml").write_text(LOCAL)
    with (folder / "audit.log").open("w") as file:
        file.writelines(json.dumps(record) + "\n" for pair in EVENTS.values() for record in pair)

    every = rules_fired(plugin, "k8s_audit", [rules, folder / "local.yaml"], {"open_params": str(folder / "audit.log")})

    assert len(every) == 2 * len(EVENTS)
    return dict(zip(EVENTS, zip(every[::2], every[1::2], strict=True), strict=True))


def test_all_rules_are_here(rules):
    """There is an event for each public rule."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)
    names = {entry["rule"] for entry in yaml.load(rules.read_text(), loader) if "rule" in entry}

    assert names == set(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_fires(fired, name):
    """The rule fires on its event and not on its twin."""
    on_event, on_twin = fired[name]

    assert name in on_event
    assert name not in on_twin

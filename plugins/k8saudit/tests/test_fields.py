"""The fields of the Kubernetes audit log, on the records of the public regression cases."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.paths import getter
from falcohost.jsonlog import ABSENT, event_of
from falcohost.testing import projection_problems
from falcohost_k8saudit.fields import FIELDS
from falcohost_k8saudit.source import LOG
from falcohost_k8saudit.values import gather, texts

BY_NAME = {field.name: field for field in FIELDS}

POD = {
    "auditID": "a1",
    "objectRef": {"resource": "pods", "namespace": "shop", "name": "web"},
    "requestURI": "/api/v1/pods?command=ls&command=-l&empty&q=a%20b+c#x",
    "user": {"username": "ann", "groups": ["dev", 7]},
    "annotations": {"authorization.k8s.io/decision": "allow", "cluster_name": "one"},
    "responseObject": {"metadata": {"name": "web-1"}},
    "responseStatus": {"code": 201},
    "requestObject": {
        "spec": {
            "hostNetwork": True,
            "runAsUser": 5,
            "securityContext": {"runAsUser": 1000, "supplementalGroups": [1, 2]},
            "containers": [
                {
                    "name": "one",
                    "image": "reg:5000/nginx@sha256:1",
                    "command": ["sh", "-c"],
                    "ports": [{"hostPort": 80, "containerPort": 8080}, {"containerPort": 443}, {}],
                    "securityContext": {"privileged": True, "capabilities": {"add": ["NET_ADMIN"]}},
                },
                {"name": "two", "image": "redis:6", "args": ["x", "y"], "runAsUser": 8, "securityContext": {}},
            ],
            "initContainers": [{"name": "init"}],
            "volumes": [{"name": "a", "hostPath": {"path": "/etc/x"}}, {"name": "b", "secret": {}}],
        }
    },
}
ROLE = {
    "auditID": "a2",
    "requestObject": {
        "rules": [{"verbs": ["get", "list"], "resources": ["pods"]}, {"verbs": ["*"], "nonResourceURLs": ["/x"]}],
        "roleRef": {"name": "cluster-admin"},
        "subjects": [
            {"kind": "User", "name": "ann"},
            {"kind": "ServiceAccount", "name": "bot", "namespace": "ci"},
            {"kind": "ServiceAccount", "name": "lost"},
            {"kind": "Group", "name": "dev"},
            {"kind": "User"},
            "odd",
        ],
    },
}
SERVICE = {
    "auditID": "a3",
    "objectRef": {"resource": "pods", "subresource": "exec", "name": "settings"},
    "responseObject": {"metadata": {"name": "n"}},
    "requestObject": {"spec": {"type": "NodePort", "ports": [{"port": 80}]}, "data": {"key": "é"}},
}


def value(name, record, arg=None):
    """Return the value of a field."""
    return getter(BY_NAME[name])(event_of(LOG, record), arg)


@pytest.mark.parametrize(
    ("name", "arg", "expected"),
    [
        ("ka.auditid", None, "a1"),
        ("ka.auth.decision", None, "allow"),
        ("ka.auth.reason", None, None),
        ("ka.cluster.name", None, "one"),
        ("ka.user.groups", None, ("dev", "7")),
        ("ka.uri.param", "command", "ls"),
        ("ka.uri.param", "q", "a b c"),
        ("ka.uri.param", "empty", ""),
        ("ka.uri.param", "none", None),
        ("ka.target.resource", None, "pods"),
        ("ka.target.pod.name", None, "web-1"),
        ("ka.resp.name", None, "web-1"),
        ("ka.response.code", None, "201"),
        ("ka.req.pod.host_network", None, "true"),
        ("ka.req.pod.host_pid", None, None),
        ("ka.req.pod.run_as_user", None, "1000"),
        ("ka.req.pod.supplemental_groups", None, ("1", "2")),
        ("ka.req.pod.containers.name", None, ("one", "two")),
        ("ka.req.pod.containers.name", 1, ("two",)),
        ("ka.req.pod.containers.name", 2, None),
        ("ka.req.pod.containers.image.repository", None, ("reg", "redis")),
        ("ka.req.container.image", None, "reg:5000/nginx@sha256:1"),
        ("ka.req.container.image.repository", None, "reg"),
        ("ka.req.pod.containers.command", None, ("sh -c",)),
        ("ka.req.pod.containers.args", None, ("x y",)),
        ("ka.req.pod.containers.args", 0, None),
        ("ka.req.pod.containers.host_port", None, ("80", "443")),
        ("ka.req.pod.containers.privileged", None, ("true",)),
        ("ka.req.pod.containers.privileged", 1, None),
        ("ka.req.container.privileged", None, "true"),
        ("ka.req.pod.containers.add_capabilities", None, ('["NET_ADMIN"]',)),
        ("ka.req.pod.containers.eff_run_as_user", None, ("5", "8")),
        ("ka.req.pod.containers.eff_run_as_group", None, ("0", "0")),
        ("ka.req.pod.initContainers.name", None, ("init",)),
        ("ka.req.pod.initContainers.image", None, None),
        ("ka.req.pod.ephemeralContainers.name", None, None),
        ("ka.req.pod.volumes.hostpath", None, ("/etc/x",)),
        ("ka.req.pod.volumes.volume_type", None, ("hostPath", "secret")),
        ("ka.req.pod.volumes.volume_type", 1, ("secret",)),
        ("ka.req.pod.volumes.flexvolume_driver", None, None),
        ("ka.req.volume.hostpath", "/etc/*", "true"),
        ("ka.req.volume.hostpath", "/etc/x", "true"),
        ("ka.req.volume.hostpath", "/etc", "false"),
        ("ka.req.volume.hostpath", "", "false"),
    ],
)
def test_of_a_pod(name, arg, expected):
    """A request for a pod has the values that Falco's plugin extracts."""
    assert expected == value(name, POD, arg)


@pytest.mark.parametrize(
    ("name", "arg", "expected"),
    [
        ("ka.req.role.rules", None, ('{"verbs":["get","list"],"resources":["pods"]}',
                                     '{"verbs":["*"],"nonResourceURLs":["/x"]}')),
        ("ka.req.role.rules.verbs", None, ("get", "list", "*")),
        ("ka.req.role.rules.verbs", 1, ("*",)),
        ("ka.req.role.rules.resources", None, ("pods",)),
        ("ka.req.role.rules.nonResourceURLs", 0, None),
        ("ka.req.role.rules.apiGroups", None, None),
        ("ka.req.binding.role", None, "cluster-admin"),
        ("ka.req.binding.subjects.user_names", None, ("ann",)),
        ("ka.req.binding.subjects.group_names", None, ("dev",)),
        ("ka.req.binding.subjects.serviceaccount_names", None, ("bot", "lost")),
        ("ka.req.binding.subjects.serviceaccount_ns_names", None, ("ci:bot",)),
        ("ka.req.binding.subject.has_name", "anything", "true"),
    ],
)  # fmt: skip
def test_of_a_role(name, arg, expected):
    """A request for a role or a binding has the values that Falco's plugin extracts."""
    assert expected == value(name, ROLE, arg)


@pytest.mark.parametrize(
    ("name", "arg", "expected"),
    [
        ("ka.req.service.type", None, "NodePort"),
        ("ka.req.service.ports", None, ('[{"port":80}]',)),
        ("ka.req.service.ports", 3, ('[{"port":80}]',)),
        ("ka.req.configmap.name", None, "settings"),
        ("ka.req.configmap.obj", None, '{"key":"é"}'),
        ("ka.target.pod.name", None, None),
        ("json.value", "/requestObject/spec/ports/0/port", "80"),
        ("jevt.value", "auditID", "a3"),
    ],
)
def test_of_others(name, arg, expected):
    """A service, a config map and a subresource of a pod have the values that Falco's plugins extract."""
    assert expected == value(name, SERVICE, arg)


def test_null_is_a_text():
    """JSON's null is the text null, as in Falco."""
    assert value("ka.verb", {"verb": None}) == "null"


def test_fields_read_what_they_say(corpus, soak):
    """No field looks at more of a record than the paths that it names."""
    files = sorted((corpus / "regression" / "trace_files" / "k8s_audit").iterdir())
    records = [json.loads(line) for file in soak(files, files[:2]) for line in file.read_text().split("\n") if line]

    assert projection_problems(FIELDS, [POD, ROLE, SERVICE, *records]) == []


CONTAINERS = st.lists(
    st.dictionaries(st.sampled_from(["image", "name"]), st.sampled_from(["a:1", "b@c", ""]) | st.integers(), max_size=2)
    | st.just("odd")
    | st.lists(st.just({"image": "inner"}), max_size=2),
    max_size=3,
)


@given(CONTAINERS)
def test_usual_containers_are_read_like_any(containers):
    """The names of containers, of which most have one that is a text, are what the walk through all arrays finds."""
    found = gather(containers, None, "image")
    expected = None if found is None or ABSENT in found else texts(found)
    event = event_of(LOG, {"auditID": "a", "requestObject": {"spec": {"containers": containers}}})

    assert expected == getter(BY_NAME["ka.req.pod.containers.image"])(event, None)

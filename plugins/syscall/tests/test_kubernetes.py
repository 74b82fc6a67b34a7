"""A pod whose object is in an API server, and whose container a real containerd starts, as the kubelet would do it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
import yaml
from pods import Pods

from falcohost.testing.kube import CONTAINERS, Api, Kube, manifests, template
from falcohost.testing.kube_double import Double

NODE = "node-1"
RULES = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: >
    evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-pod and k8smeta.ns.label[env] = prod
  output: >
    first | %fd.name %k8s.pod.name %k8s.ns.name %k8s.pod.uid %k8smeta.pod.name %k8smeta.pod.uid %k8smeta.pod.labels
    %k8smeta.ns.name %k8smeta.deployment.name %k8smeta.rs.name %k8smeta.svc.name %k8smeta.workload.kind
    %k8smeta.node.name %k8s.deployment.name %container.image.repository
  priority: NOTICE
- rule: Anywhere
  desc: The same file, wherever.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-pod
  output: anywhere | %fd.name %k8smeta.pod.name
  priority: NOTICE
"""


@pytest.fixture(scope="module")
def containerd(bpf, tmp_path_factory) -> Iterator[Pods]:
    """Return a containerd of the module's own."""
    daemon = Pods(tmp_path_factory.mktemp("c"))
    yield daemon
    daemon.close()


@pytest.fixture(scope="module", params=[Kube, Double], ids=["kube-apiserver", "stand-in"])
def server(request, root, tmp_path_factory) -> Iterator[Api]:
    """Return an API server with a node, a namespace, a deployment and a service."""
    server = request.param(tmp_path_factory.mktemp("kube"))
    labels = {"app": "web"}
    spec = {"selector": {"matchLabels": labels}, "template": template(labels)}
    server.make("Node", NODE)
    server.make("Namespace", "shop", labels={"env": "prod"})
    deployment = server.make("Deployment", "web", "shop", labels={"team": "a"}, spec=spec)
    server.replicas = server.make("ReplicaSet", "web-1", "shop", labels={"hash": "1"}, owner=deployment, spec=spec)
    server.make("Service", "front", "shop", labels={"of": "front"}, spec={"selector": labels, "ports": [{"port": 80}]})
    text = (root / "docs" / "kubernetes.md").read_text()
    for block in text.split("```yaml\n")[1:2]:
        for manifest in manifests(block.split("```")[0]):
            server.apply(manifest)
    yield server
    server.close()


@pytest.fixture(scope="module")
def settings(server, containerd, tmp_path_factory):
    """Return settings with the service account that the documentation describes."""
    token = tmp_path_factory.mktemp("account") / "token"
    token.write_text(server.token("falcohost", "falcohost"))
    for path in (token, server.folder / "ca.crt"):
        path.chmod(0o644)
    account = {"tokenFile": str(token), "caFile": str(server.folder / "ca.crt")}
    asks = {"apiServer": f"https://127.0.0.1:{server.port}", "nodeName": NODE, **account}
    others = {name: {"enabled": False} for name in ("docker", "podman", "cri", "runc")}
    engines = {**others, "containerd": {"sockets": [str(containerd.socket)]}}
    return {
        "rule_matching": "all",
        "plugins": [
            {"name": "k8smeta", "init_config": asks},
            {"name": "container", "init_config": {"engines": engines}},
        ],
        "load_plugins": ["k8smeta", "container"],
        "falcohost": {"lookups": {"wait": 2.9}},
    }


@pytest.fixture(scope="module")
def agent(start_agent, settings, tmp_path_factory):
    """Return an agent on the node."""
    rules = tmp_path_factory.mktemp("rules") / "pods.yaml"
    rules.write_text(RULES)
    return start_agent(rules, settings=settings)


@pytest.fixture
def pod(server):
    """Return a function that makes a pod of the replica set and returns its name and uid."""

    def pod(name: str, **more: object) -> str:
        spec = {"containers": CONTAINERS, "nodeName": NODE}
        made = server.make("Pod", name, "shop", labels={"app": "web"}, owner=server.replicas, spec=spec, **more)
        return str(made["metadata"]["uid"])

    return pod


def test_the_first_instruction(agent, server, containerd, pod):
    """What a pod's container does first is told with workload, services and namespace, and what its runtime knows."""
    name, mark = f"web-1-{secrets.token_hex(3)}", f"/etc/falcohost-pod-{secrets.token_hex(4)}"
    uid = pod(name)
    containerd.run(name, "shop", uid, ["/bin/cat", mark])
    alert = agent.wait_for(lambda alert: alert["rule"] == "First" and mark in str(alert))
    expected = {
        "fd.name": mark, "k8s.pod.name": name, "k8s.ns.name": "shop", "k8s.pod.uid": uid, "k8smeta.pod.name": name,
        "k8smeta.pod.uid": uid, "k8smeta.pod.labels": ["app:web"], "k8smeta.ns.name": "shop",
        "k8smeta.deployment.name": "web", "k8smeta.rs.name": "web-1", "k8smeta.svc.name": ["front"],
        "k8smeta.workload.kind": "Deployment", "k8smeta.node.name": NODE, "k8s.deployment.name": "web",
        "container.image.repository": "localhost/falcohost/test",
    }  # fmt: skip

    assert expected == {name: alert["output_fields"][name] for name in expected}


def test_a_pod_that_becomes_known_later(agent, server, containerd, pod):
    """What its container does first waits for the pod, and is then told with it."""

    def told() -> bool:
        static, mark = secrets.token_hex(16), f"/etc/falcohost-pod-{secrets.token_hex(4)}"
        containerd.run("web-1-late", "shop", static, ["/bin/cat", mark])
        pod(f"web-1-{static}", metadata={"annotations": {"kubernetes.io/config.hash": static}})
        alert = agent.wait_for(lambda alert: alert["rule"] == "Anywhere" and mark in str(alert))
        return alert["output_fields"]["k8smeta.pod.name"] == f"web-1-{static}"

    assert any(told() for _ in range(5))  # on a busy machine it may take longer than it is waited for


def test_a_pod_that_nobody_knows(agent, containerd):
    """The alert comes without what the API server does not know, and says so; the rule that needs it does not match."""
    uid, mark = "05869489-8c7f-45dc-9abd-1b1620787bb1", f"/etc/falcohost-pod-{secrets.token_hex(4)}"
    containerd.run("stray", "shop", uid, ["/bin/cat", mark])
    alert = agent.wait_for(lambda alert: alert["rule"] == "Anywhere" and mark in str(alert))

    assert alert["output_fields"]["k8smeta.pod.name"] is None
    assert "k8smeta.pod.name" in str(alert["output_fields"]["falcohost.missing"])
    assert not [one for one in agent.alerts if one["rule"] == "First" and mark in str(one)]


def test_the_server_goes_away(agent, server, containerd, pod):
    """An alert says what is not reached; what was known is told all the same; another says that it is reached again."""
    name, mark = f"web-1-{secrets.token_hex(3)}", f"/etc/falcohost-pod-{secrets.token_hex(4)}"
    uid = pod(name)
    containerd.run(name, "shop", uid, ["/bin/cat", f"{mark}-before"])
    agent.wait_for(lambda alert: alert["rule"] == "First" and f"{mark}-before" in str(alert))
    server.stop()
    try:
        failing = agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: lookup failing")
        containerd.run(name, "shop", uid, ["/bin/cat", f"{mark}-meanwhile"])
        told = agent.wait_for(lambda alert: alert["rule"] == "First" and f"{mark}-meanwhile" in str(alert))
    finally:
        server.start()
    assert ("k8smeta", "web") == (failing["output_fields"]["lookup"], told["output_fields"]["k8smeta.deployment.name"])
    assert f"the API server at 127.0.0.1:{server.port}" in failing["output"]
    agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: lookup works again")


#: What the alert of a container of the pod "web-1-before" has in each field of Falco's plugin k8smeta, and in the eight
#: of the seed, besides those that are made when it runs (uids, and what the runtime says of its sandbox).
ALL = {
    "k8smeta.pod.name": "web-1-before", "k8smeta.pod.label[app]": "web", "k8smeta.pod.labels": ["app:web"],
    "k8smeta.pod.ip": "10.1.2.3",
    "k8smeta.ns.name": "shop", "k8smeta.ns.label[env]": "prod", "k8smeta.ns.labels": ["env:prod"],
    "k8smeta.deployment.name": "web", "k8smeta.deployment.label[team]": "a", "k8smeta.deployment.labels": ["team:a"],
    "k8smeta.rs.name": "web-1", "k8smeta.rs.label[hash]": "1", "k8smeta.rs.labels": ["hash:1"],
    "k8smeta.svc.name": ["front"], "k8smeta.svc.label[of]": ["front"], "k8smeta.svc.labels": ["of:front"],
    "k8smeta.rc.name": None, "k8smeta.rc.uid": None, "k8smeta.rc.label[a]": None, "k8smeta.rc.labels": None,
    "k8s.pod.name": "web-1-before", "k8s.ns.name": "shop", "k8s.deployment.name": "web", "k8s.daemonset.name": None,
    "k8s.node.name": NODE, "k8s.pod.label[io.kubernetes.pod.namespace]": "shop",
}  # fmt: skip
UIDS = ("pod", "ns", "deployment", "rs")


def test_a_pod_from_before(server, containerd, pod, settings, start_agent, tmp_path):
    """Of a pod and its container that are older than the agent, each field is told as of one that comes later."""
    mark, name = f"/etc/falcohost-pod-{secrets.token_hex(4)}", "web-1-before"
    uid = pod(name)
    server.merge("Pod", name, {"status": {"podIP": ALL["k8smeta.pod.ip"]}}, "shop", "/status")
    containerd.run(name, "shop", uid, ["/bin/sh", "-c", f"for n in $(seq 400); do cat {mark}; sleep 0.5; done"])
    fields = [
        *ALL,
        *(f"k8smeta.{kind}.uid" for kind in UIDS),
        "k8smeta.svc.uid",
        "k8s.pod.uid",
        "k8s.pod.id",
        "k8s.pod.ip",
    ]
    rule = {
        "rule": "All",
        "desc": "All fields.",
        "condition": f"evt.type in (open, openat) and fd.name = {mark} and k8smeta.svc.name intersects (front)",
        "output": f"all | {' '.join(f'%{field}' for field in fields)}",
        "priority": "NOTICE",
    }
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump([rule]))
    agent = start_agent(tmp_path / "rules.yaml", settings=settings)
    told = agent.wait_for(lambda alert: alert["rule"] == "All")["output_fields"]

    assert ALL == {field: told[field] for field in ALL}
    objects = {
        "pod": ("Pod", name),
        "ns": ("Namespace", "shop"),
        "deployment": ("Deployment", "web"),
        "rs": ("ReplicaSet", "web-1"),
    }
    uids = {kind: server.ask("GET", server.path(*objects[kind], "shop"))["metadata"]["uid"] for kind in UIDS}
    assert uids == {kind: told[f"k8smeta.{kind}.uid"] for kind in UIDS}
    assert [server.ask("GET", server.path("Service", "front", "shop"))["metadata"]["uid"]] == told["k8smeta.svc.uid"]
    assert [uid] * 2 == [told["k8s.pod.uid"], told["k8s.pod.id"]]

"""A real kube-apiserver on etcd: what is watched, and with which rights."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
from pathlib import Path

import pytest
from accounts import NODE
from asking import Watcher
from msgspec import structs

from falcohost.testing.kube import CONTAINERS, template
from falcohost.testing.waiting import wait_until
from falcohost_k8smeta.check import check
from falcohost_k8smeta.fields import FIELDS, FILLS

LABELS = {"app": "web"}
GETTERS = {field.name: field.get for field in FIELDS} | FILLS


@pytest.fixture
def watch(close_later):
    """Return a function that begins to watch."""
    return lambda config: close_later(Watcher(config))


@pytest.fixture
def watching(watch, config):
    """Return what watches with the account's rights."""
    return watch(config)


@pytest.fixture
def shop(kube, request):
    """Return a namespace of the test's own, with a deployment, its replica set and two services."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:60]
    kube.make("Namespace", name, labels={"env": "prod"})
    spec = {"selector": {"matchLabels": LABELS}, "template": template(LABELS)}
    deployment = kube.make("Deployment", "web", name, labels={"team": "a"}, spec=spec)
    kube.make("ReplicaSet", "web-1", name, labels={"hash": "1"}, owner=deployment, spec=spec)
    for service, port in (("front", 80), ("metrics", 90)):
        spec = {"selector": LABELS, "ports": [{"port": port}]}
        kube.make("Service", service, name, labels={"of": service}, spec=spec)
    kube.make("Service", "other", name, spec={"selector": {"app": "db"}, "ports": [{"port": 80}]})
    kube.make(
        "Service", "outside", name, spec={"type": "ExternalName", "externalName": "a.example", "selector": LABELS}
    )
    return name


def pod(kube, namespace, name="web-1-x", *, owner=None, node=NODE, **more):
    """Make a pod; return its uid."""
    made = kube.make("Pod", name, namespace, owner=owner, spec={"containers": CONTAINERS, "nodeName": node}, **more)
    return made["metadata"]["uid"]


def read(row, name):
    """Return the value of a field, written as in a rule."""
    field, _, arg = name.partition("[")
    return GETTERS[field](row, arg.removesuffix("]") or None)


def test_a_pod_of_a_deployment(kube, watching, shop):
    """All that Falco's plugin tells of a pod is told, and what else there is."""
    owner = kube.ask("GET", kube.path("ReplicaSet", "web-1", shop)) | {"apiVersion": "apps/v1", "kind": "ReplicaSet"}
    deployment = kube.ask("GET", kube.path("Deployment", "web", shop))["metadata"]["uid"]
    services = [kube.ask("GET", kube.path("Service", one, shop))["metadata"]["uid"] for one in ("front", "metrics")]
    uid = pod(kube, shop, owner=owner, labels={**LABELS, "b": "2"})
    kube.merge("Pod", "web-1-x", {"status": {"podIP": "10.1.2.3"}}, shop, "/status")
    wait_until(lambda: watching.row(uid).ip)
    row = watching.row(uid)
    expected = {
        "pod.name": "web-1-x", "pod.uid": uid, "pod.label[app]": "web", "pod.labels": ("app:web", "b:2"),
        "pod.ip": "10.1.2.3",
        "ns.name": shop, "ns.uid": kube.ask("GET", kube.path("Namespace", shop))["metadata"]["uid"],
        "ns.label[env]": "prod", "ns.labels": ("env:prod",),
        "deployment.name": "web", "deployment.uid": deployment, "deployment.label[team]": "a",
        "deployment.labels": ("team:a",),
        "rs.name": "web-1", "rs.uid": owner["metadata"]["uid"], "rs.label[hash]": "1", "rs.labels": ("hash:1",),
        "svc.name": ("front", "metrics"), "svc.uid": tuple(services), "svc.label[of]": ("front", "metrics"),
        "svc.labels": ("of:front", "of:metrics"),
        "rc.name": None, "rc.uid": None, "rc.label[a]": None, "rc.labels": None,
        "pod.label[none]": None, "ns.label[none]": None, "svc.label[none]": None,
        "workload.kind": "Deployment", "workload.name": "web", "workload.uid": deployment,
        "owners": ("ReplicaSet/web-1", "Deployment/web"), "node.name": NODE, "node.label[zone]": "north",
        "ds.name": None, "job.uid": None,
    }  # fmt: skip

    assert expected == {name: read(row, f"k8smeta.{name}") for name in expected}
    filled = {name: read(row, name) for name in FILLS}
    assert {"k8s.deployment.name": "web", "k8s.daemonset.name": None, "k8s.node.name": NODE} == filled


def test_other_owners(kube, watching, shop):
    """A replication controller, a daemon set and a job are told; a pod that nobody owns is its own workload."""
    spec = {"selector": LABELS, "template": template(LABELS)}
    controller = kube.make("ReplicationController", "old", shop, labels={"age": "9"}, spec=spec)
    spec = {"selector": {"matchLabels": LABELS}, "template": template(LABELS)}
    daemons = kube.make("DaemonSet", "logs", shop, spec=spec)
    jobs = {"restartPolicy": "Never", "containers": CONTAINERS}
    cron = {"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": "nightly", "uid": "cron-uid"}}
    job = kube.make("Job", "nightly-1", shop, owner=cron, spec={"template": {"spec": jobs}})
    row = watching.row(pod(kube, shop, "old-x", owner=controller))
    assert ("old", "9", ("age:9",)) == tuple(read(row, f"k8smeta.rc.{one}") for one in ("name", "label[age]", "labels"))

    row = watching.row(pod(kube, shop, "logs-x", owner=daemons))
    assert ("logs", "logs", "DaemonSet") == tuple(
        read(row, name) for name in ("k8smeta.ds.name", "k8s.daemonset.name", "k8smeta.workload.kind")
    )
    row = watching.row(pod(kube, shop, "nightly-1-x", owner=job))
    assert ("nightly-1", "nightly", "cron-uid") == tuple(
        read(row, f"k8smeta.{one}") for one in ("job.name", "cronjob.name", "workload.uid")
    )
    row = watching.row(pod(kube, shop, "alone"))
    assert ("Pod", "alone", None) == tuple(
        read(row, f"k8smeta.{one}") for one in ("workload.kind", "workload.name", "owners")
    )


def test_what_changes(kube, watching, shop):
    """Labels of pod and namespace, new services and services that go are told as they are now."""
    uid = pod(kube, shop)
    assert () == watching.row(uid).services
    kube.merge("Pod", "web-1-x", {"metadata": {"labels": LABELS}}, shop)
    kube.merge("Namespace", shop, {"metadata": {"labels": {"env": "test"}}})
    kube.delete("Service", "metrics", shop)

    def now():
        row = watching.row(uid)
        return read(row, "k8smeta.svc.name"), read(row, "k8smeta.ns.label[env]")

    wait_until(lambda: now() == (("front",), "test"), now)


def test_pods_of_other_nodes(kube, watching, shop):
    """They are not watched, and are not told."""
    other = pod(kube, shop, "there", node="node-2")
    here = pod(kube, shop, "here")

    assert watching.row(here) is not None
    assert watching.ask(other).row is None


def test_a_pod_from_a_file_of_the_node(kube, watching, shop):
    """It is found by the name that its cgroups have, which is in an annotation of the pod that stands for it."""
    mark = "0123456789abcdef0123456789abcdef"
    uid = pod(kube, shop, metadata={"annotations": {"kubernetes.io/config.hash": mark}})

    assert uid == watching.ask(mark).row.pod.uid


def test_a_pod_that_was_deleted(kube, watching, shop):
    """What is known of it stays for a while, since events of it may still come."""
    uid = pod(kube, shop)
    assert watching.row(uid)
    pods = watching.ask().pods
    kube.delete("Pod", "web-1-x", shop)
    wait_until(lambda: watching.ask().pods == pods - 1)

    assert "web-1-x" == watching.ask(uid).row.pod.name


def test_the_server_goes_away(kube, watching, shop):
    """What is known stays; it is said since when nobody answers; afterwards what has changed meanwhile is learnt."""
    uid = pod(kube, shop)
    assert watching.row(uid).is_whole
    kube.stop()
    try:
        wait_until(lambda: watching.ask().seconds >= 1)
        answer = watching.ask(uid)
        assert ("web-1-x", True) == (answer.row.pod.name, answer.row.is_whole)
        assert f"the API server at 127.0.0.1:{kube.port}: " in answer.problem
        wait_until(lambda: watching.ask().seconds > 5)
        before = time.monotonic()
        assert watching.ask("0" * 32).row is None
        assert time.monotonic() - before < 2.5  # nobody waits for what cannot come
    finally:
        kube.start()
    later = pod(kube, shop, "later")

    assert "later" == watching.row(later).pod.name
    watching.wait_for_problem("")


def test_a_token_that_changes(kube, watch, config, shop, tmp_path):
    """A token that is not valid is told; a new one in the file's place is used."""
    path = tmp_path / "token"
    path.write_text("not-a-token")
    one = watch(structs.replace(config, token=str(path)))
    one.wait_for_problem("it answers 401")
    path.with_name("new").write_text(kube.token("falcohost", "falcohost"))
    path.with_name("new").rename(path)

    assert one.row(pod(kube, shop)) is not None


def test_an_account_without_rights(kube, watch, config, tmp_path):
    """What it may not do is told, also by doctor."""
    kube.make("ServiceAccount", "nobody", "falcohost")
    path = tmp_path / "token"
    path.write_text(kube.token("nobody", "falcohost"))
    one = watch(structs.replace(config, token=str(path)))
    one.wait_for_problem("it answers 403: pods is forbidden")
    settings = {**settings_of(config), "tokenFile": str(path)}

    wrong = [what for what, problem in check(settings) if problem and "403" in problem]
    assert 4 == len(wrong)


def test_the_rights_suffice_and_are_minimal(kube, config):
    """Doctor finds nothing amiss; secrets, and changes, are refused to the account."""
    assert [] == [(what, problem) for what, problem in check(settings_of(config)) if problem]
    assert may(kube, "list", "pods") and may(kube, "get", "jobs", "batch")
    for what in (
        "list secrets", "get secrets", "get pods", "create pods", "delete pods", "watch nodes", "patch namespaces",
        "list jobs batch", "list deployments apps", "watch replicasets apps", "get daemonsets apps",
    ):  # fmt: skip
        assert not may(kube, *what.split()), what


def test_the_account_is_refused_what_it_does_not_need(kube, config):
    """With its token, what is watched is answered, and everything else is not."""
    node = f"api/v1/nodes/{NODE}"
    needed = [f"api/v1/pods?fieldSelector=spec.nodeName%3D{NODE}", "api/v1/services", "api/v1/namespaces", node]
    others = [
        "api/v1/secrets",
        "api/v1/configmaps",
        "api/v1/nodes",
        "apis/apps/v1/deployments",
        f"{node}/proxy/metrics",
    ]
    asked = {path: status(kube, config, path) for path in (*needed, *others)}

    assert {**dict.fromkeys(needed, 200), **dict.fromkeys(others, 403)} == asked


def may(kube, verb, resource, group=""):
    """Return whether the account may do this, as the API server decides it."""
    asked = {"verb": verb, "resource": resource, "group": group, "namespace": "default"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "system:serviceaccount:falcohost:falcohost", "resourceAttributes": asked},
    }
    return kube.ask("POST", "apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]


def status(kube, config, path):
    """Return the status of the answer to the account's request."""
    context = ssl.create_default_context(cafile=config.authority)
    headers = {"Authorization": f"Bearer {Path(config.token).read_text()}"}
    link = http.client.HTTPSConnection(config.host, config.port, context=context, timeout=60)
    with contextlib.closing(link):
        link.request("GET", f"/{path}", headers=headers)
        return link.getresponse().status


def settings_of(config):
    """Return the settings as they would be configured."""
    return {
        "apiServer": f"https://{config.address}", "tokenFile": config.token, "caFile": config.authority,
        "nodeName": config.node,
    }  # fmt: skip


def test_another_authority(kube, watch, config, tmp_path):
    """A server whose certificate is not by the configured authority is not believed, and gets no token."""
    from falcohost.testing.kube import certify

    certify(tmp_path)
    one = watch(structs.replace(config, authority=str(tmp_path / "ca.crt")))

    one.wait_for_problem("its certificate is not valid")

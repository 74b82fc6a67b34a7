"""What a real API server cannot be made to do: forget, be slow, cut connections, send what is wrong."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from accounts import NODE
from asking import Watcher
from msgspec import structs

from falcohost.testing.kube import CONTAINERS
from falcohost.testing.kube_double import Double
from falcohost.testing.rollup import kib
from falcohost.testing.waiting import wait_until
from falcohost_k8smeta.config import Config
from falcohost_k8smeta.http import Connection
from falcohost_k8smeta.streams import MOST_OBJECT


@pytest.fixture
def double(tmp_path, close_later):
    """Return a stand-in with a node and a namespace."""
    server = close_later(Double(tmp_path))
    server.make("Node", NODE)
    server.make("Namespace", "shop", labels={"env": "prod"})
    return server


@pytest.fixture
def config(double, tmp_path):
    """Return settings that fit it."""
    (tmp_path / "token").write_text(double.valid)
    return Config(
        host="127.0.0.1",
        port=double.port,
        token=str(tmp_path / "token"),
        authority=str(tmp_path / "ca.crt"),
        node=NODE,
    )


@pytest.fixture
def watcher(config, close_later):
    """Return the process that watches it."""
    return close_later(Watcher(config))


def pod(double, name, **more):
    """Make a pod; return its uid."""
    made = double.make("Pod", name, "shop", spec={"containers": CONTAINERS, "nodeName": NODE}, **more)
    return made["metadata"]["uid"]


def lists(double, resource="pods"):
    """Return how often all objects were listed."""
    return sum("watch" not in path and path.startswith(f"/api/v1/{resource}?") for path, _ in double.requests)


def watches(double, resource="pods"):
    """Return from which versions was watched."""
    found = [path for path, _ in double.requests if path.startswith(f"/api/v1/{resource}?") and "watch=1" in path]
    return [path.partition("resourceVersion=")[2] for path in found]


def test_what_is_asked(double, watcher):
    """Only the node's pods are listed, once, from the server's memory; the watch goes on from there."""
    watcher.row(pod(double, "web"))
    wait_until(lambda: watches(double))
    first, second = [path for path, _ in double.requests if path.startswith("/api/v1/pods?")]

    assert "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&resourceVersion=0" == first
    assert "watch=1&allowWatchBookmarks=true&timeoutSeconds=" in second


def test_a_watch_that_is_cut(double, watcher):
    """It goes on where it ended, by the last bookmark: nothing is listed again, nothing is missed."""
    watcher.row(pod(double, "web"))
    for turn in range(3):
        double.cut()
        watcher.row(pod(double, f"web-{turn}"))

    assert 1 == lists(double)
    assert 4 <= len(watches(double))
    watcher.wait_for_problem("")


def test_a_moment_that_is_forgotten(double, watcher):
    """All is listed again (410): what has come meanwhile is known, and what has gone."""
    gone = pod(double, "gone")
    watcher.row(gone)
    double.odd = lambda path, query: (500, iter([b"{}"]))
    double.cut()
    new = pod(double, "new")
    double.delete("Pod", "gone", "shop")
    double.forget()
    double.odd = lambda path, query: None
    watcher.row(new)
    wait_until(lambda: watcher.ask().pods == 1)

    assert lists(double) >= 2
    assert "gone" == watcher.ask(gone).row.pod.name  # for a while


def test_a_watch_that_is_ended_by_an_event(double, watcher):
    """An event that says the moment is forgotten has all listed again."""
    watcher.row(pod(double, "web"))
    line = b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n'
    double.send("Pod", line)
    wait_until(lambda: lists(double) == 2)

    watcher.row(pod(double, "later"))


@pytest.mark.parametrize(
    ("line", "listed", "odd"),
    [
        (b"\n", 1, 0),
        (b'{"type":"MODIFIED","object":{"metadata":{"uid":5}}}\n', 1, 1),
        (b'{"type":"MODIFIED","object":{"metadata":{"name":"x"}}}\n', 1, 1),
        (b'{"type":"MODIFIED","object":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", 2, 0),
        (b'{"type":"ADDED","object":{"metadata":{"uid":"u","labels":"x"}}}\n', 1, 1),
        (b'{"type":"ADDED","object":null}\n', 1, 1),
        (b'{"type":"SOMETHING","object":{}}\n', 1, 0),
        (b'{"type":"DELETED","object":{}}\n', 1, 0),
        (b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"a&b=c d"}}}\n', 1, 0),
        (b'{"type":"ADDED","object":{"metadata":{"uid":"' + b"x" * (MOST_OBJECT + 10) + b'"}}}\n', 1, 1),
        (b"no json\n", 2, 0),
        (b"\xff\xfe\n", 2, 0),
    ],
    ids=["blank", "types", "no uid", "deep", "labels", "null", "type", "nothing", "version", "huge", "text", "bytes"],
)
def test_odd_events(double, watcher, line, listed, odd):
    """An odd object is left out and counted; where it is not known what it was, all is listed again."""
    watcher.row(pod(double, "web"))
    double.send("Pod", line)
    later = pod(double, "later")

    assert "later" == watcher.row(later).pod.name
    assert (listed, odd) == (lists(double), watcher.ask().odd)
    assert watcher.process.poll() is None


def test_odd_lists(double, config, close_later):
    """An object of a list that is not as it should be is left out, and counted."""
    good = pod(double, "good")
    items = [
        {"metadata": {"uid": 5}},
        {"metadata": None},
        [],
        {},
        double.ask("GET", double.path("Pod", "good", "shop")),
    ]

    def odd(path, query):
        if path != "api/v1/pods" or "watch" in query:
            return None
        import json

        body = {"items": items, "metadata": {"resourceVersion": "1"}}
        return 200, iter(piece.encode() for piece in json.dumps(body))  # character by character

    double.odd = odd
    watcher = close_later(Watcher(config))

    assert "good" == watcher.row(good).pod.name
    assert (1, 4) == (watcher.ask().pods, watcher.ask().odd)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "is no list"),
        (b"[]", "is no list"),
        (b'{"items":[{"metadata":{"uid":"1"}}', "is cut"),
        (b'{"items":[{"a":"' + b"x" * (MOST_OBJECT + 10), "too large"),
        (b'{"items":[]}', "has no version"),
        (b'{"metadata":{"resourceVersion":"1&x"},"items":[]}', "has no version"),
        (b'{"items":[]' + b" " * 200_000, "is no list"),
        (b" " * 200_000, "is no list"),
        (b'{"items":null,"metadata":{"resourceVersion":5}}', "has no version"),
    ],
    ids=["nothing", "array", "cut", "huge", "without version", "version", "tail", "head", "number"],
)
def test_lists_that_are_none(double, config, close_later, body, told):
    """They are told, and asked for again; nothing of them is believed."""
    double.odd = lambda path, query: (200, iter([body] if body else [])) if path == "api/v1/pods" else None
    watcher = close_later(Watcher(config))
    watcher.wait_for_problem(told)
    double.odd = lambda path, query: None

    assert "web" == watcher.row(pod(double, "web")).pod.name


def test_a_server_that_is_slow(double, config, close_later):
    """What comes late is told when it has come."""

    def odd(path, query):
        time.sleep(1)
        return

    web = pod(double, "web")
    double.odd = odd
    watcher = close_later(Watcher(config))

    assert "web" == watcher.row(web).pod.name


def test_a_refusal(double, watcher):
    """The server's own words are told, cut and without control characters; what was known stays."""
    web = pod(double, "web")
    watcher.row(web)
    words = b'{"kind":"Status","code":503,"message":"\\u001b[31m' + b"x" * 5000 + b'"}'
    double.odd = lambda path, query: (503, iter([words]))
    double.cut()
    watcher.wait_for_problem("it answers 503: ?[31mxxx")

    assert len(watcher.ask().problem) < 400
    assert watcher.ask(web).row.is_whole
    double.odd = lambda path, query: None
    watcher.wait_for_problem("")


def test_too_many_requests(double, watcher):
    """A server that asks not to be asked again for some seconds (429) is not; then all goes on."""
    watcher.row(pod(double, "web"))
    asked = []

    def odd(path, query):
        if path == "api/v1/pods":
            asked.append(time.monotonic())
        return 429, iter([b'{"kind":"Status","code":429,"message":"too many requests"}'])

    double.odd, double.retry_after = odd, "2"
    double.cut()
    wait_until(lambda: len(asked) >= 3)
    watcher.wait_for_problem("it answers 429: too many requests")
    double.odd = lambda path, query: None

    assert min(later - sooner for sooner, later in itertools.pairwise(asked)) >= 2
    watcher.row(pod(double, "later"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("-1", 0), ("1e3", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("99999", 300), ("9" * 5000, 0)],
)
def test_how_long_not_to_ask(double, config, value, seconds):
    """A date or what is no number says nothing, and a long time is cut: the server may be anybody by then."""
    double.odd, double.retry_after = lambda path, query: (503, iter([b"{}"])), value
    connection = Connection(config)
    status, pieces = connection.ask("/api/v1/pods", "application/json")

    assert (503, [b"{}"], seconds) == (status, [*pieces], connection.retry_after)
    connection.close()


def test_a_token_that_is_rotated(double, watcher, tmp_path):
    """Each request has the token that the file has then."""
    watcher.row(pod(double, "web"))
    double.valid = "another-token"
    double.cut()
    watcher.wait_for_problem("it answers 401")
    (tmp_path / "token").write_text("another-token\n")

    watcher.row(pod(double, "later"))
    assert "another-token" == double.requests[-1][1]


@pytest.mark.parametrize("token", ["", "a\nHost: evil", "ü", "x" * 100_000])
def test_odd_tokens(double, config, close_later, tmp_path, token):
    """What cannot be a token is not sent."""
    (tmp_path / "token").write_text(token)
    watcher = close_later(Watcher(config))
    wait_until(
        lambda: (
            watcher.ask().problem.endswith(("has no token", "header line that is too long"))
            or watcher.ask().seconds > 2
        )
    )

    assert not [sent for _, sent in double.requests if "Host" in sent or sent == "ü"]
    assert watcher.ask().problem


def test_what_nobody_configured(config, close_later):
    """Without a node or a server it is told what to configure, and nobody is asked."""
    for changed, told in (({"node": ""}, "nodeName"), ({"host": ""}, "apiServer")):
        watcher = close_later(Watcher(structs.replace(config, **changed)))
        assert f"{told} is neither configured nor in the environment" == watcher.ask().problem
        assert watcher.ask("0" * 32).row is None


def test_owners_that_refer_to_each_other(double, watcher):
    """A chain ends, and its requests stay within the names that an object may have."""
    first = double.make("ReplicaSet", "a", "shop")
    second = double.make("ReplicaSet", "b", "shop", owner=first)
    double.merge("ReplicaSet", "a", {"metadata": {"ownerReferences": [_reference(second)]}}, "shop")
    row = watcher.row(pod(double, "web", owner=first))

    assert ["a", "b", "a", "b", "a", "b"] == [one.name for one in row.owners]


def _reference(one):
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": one["metadata"]["name"],
        "uid": one["metadata"]["uid"],
    }


def test_owners_with_odd_names(double, watcher):
    """What they are called is no part of another request."""
    for place, name in enumerate(("../../secrets/x", "..", "a?watch=1", "x" * 600, "a b")):
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "uid": "1"}}
        assert "ReplicaSet" == watcher.row(pod(double, f"web-{place}", owner=owner)).owners[0].kind
    asked = [path for path, _ in double.requests if "replicasets" in path]

    assert all("secrets/" not in path and "watch" not in path.replace("%3Fwatch", "") for path in asked)


def test_an_owner_of_another_name(double, watcher):
    """One that has taken the name of the pod's owner is not believed to be it."""
    double.make("ReplicaSet", "web-1", "shop", labels={"a": "b"})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "uid": "another"}}
    (told,) = watcher.row(pod(double, "web", owner=owner)).owners

    assert ("web-1", "another", None) == (told.name, told.uid, told.labels)


def test_large_rows(double, watcher):
    """Whatever labels and services a pod has, its row fits into a message."""
    labels = {f"{number:03}" + "k" * 200: "v" * 63 for number in range(500)}
    for number in range(100):
        spec = {"selector": {"app": "web"}}
        double.make("Service", f"s{number}", "shop", labels=labels, spec=spec)
    row = watcher.row(pod(double, "web", labels={"app": "web"} | labels))
    wait_until(lambda: len(watcher.row(row.pod.uid).services) == 64)

    assert (True, True) == (10 < len(row.pod.labels) < 100, row.pod.is_cut)


def listed(items):
    """Return the pieces of a list with these *items*."""
    yield b'{"metadata":{"resourceVersion":"1"},"items":['
    for number, item in enumerate(items):
        yield b"," * (number > 0) + json.dumps(item).encode()
    yield b"]}"


def odd_list(double, resource, items):
    """Have the stand-in answer requests for a list of these with *items*."""

    def odd(path, query):
        return (200, listed(items)) if path.endswith(f"/{resource}") and "watch" not in query else None

    double.odd = odd


def test_uids_that_are_none(double, config, close_later):
    """Objects with a uid that is longer than any are left out: a server could fill the memory with them."""
    uids = ["0" * 65, "0" * 64]
    odd_list(double, "pods", [{"metadata": {"name": "web", "namespace": "shop", "uid": uid}} for uid in uids])
    watcher = close_later(Watcher(config))

    assert "web" == watcher.row(uids[1]).pod.name
    assert 1 == watcher.ask().pods


@pytest.mark.parametrize("resource", ["services", "namespaces"])
def test_a_list_of_too_much(double, config, close_later, resource):
    """However many and however large objects are, the process keeps no more than there is room for, and counts them."""
    labels = {f"{number:03}": "v" * 60 for number in range(90)}
    more = {"namespace": "shop", "labels": labels}
    much = (
        {"metadata": {"name": f"n{number}", "uid": str(number), **more}, "spec": {"selector": {"a": "b"}}}
        for number in range(10_000)
    )
    odd_list(double, resource, much)
    watcher = close_later(Watcher(config))
    watcher.ask()
    before = kib("Anonymous", watcher.process.pid)
    wait_until(lambda: watches(double, resource))

    assert kib("Anonymous", watcher.process.pid) - before < 110_000
    assert 6_000 < watcher.ask().left_out < 7_000

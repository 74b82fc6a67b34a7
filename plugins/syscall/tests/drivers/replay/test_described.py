"""What captures tell of containers: in events of Falco's plugin ``container``, and in those of older captures."""

from __future__ import annotations

import json

import pytest
from workload import captures

from falcohost_syscall.processes.described import MOST, MOST_BYTES, MOST_BYTES_EACH, DescribedContainers
from falcohost_syscall.scap.lists import ListedUser
from falcohost_syscall.scap.tables import CapturedUsers

FULL = "ab" * 32
ID = FULL[:12]
SANDBOX = "cd" * 32
CGROUPS = f"cpuset=/docker/{FULL}\0".encode()
LISTS = (
    captures.block(
        captures.PROCESSES,
        captures.thread(10, 10, 1, b"bash", exe=b"bash", cgroups=CGROUPS) + captures.thread(20, 20, 1, b"sshd"),
    ),
    captures.block(captures.USERS, captures.user(1000, b"anna")),
)
TOLD = {
    "type": 0,
    "id": ID,
    "full_id": FULL,
    "name": "web",
    "image": "registry/site:1.2",
    "imageid": "sha256:77",
    "imagerepo": "registry/site",
    "imagetag": "1.2",
    "imagedigest": "sha256:88",
    "ip": "172.17.0.2",
    "cni_json": "",
    "privileged": True,
    "host_pid": False,
    "host_network": True,
    "labels": {"team": "red", "empty": "", "io.kubernetes.pod.name": "site-0", "io.kubernetes.pod.namespace": "shop"},
    "pod_sandbox_id": SANDBOX,
    "pod_sandbox_labels": None,
    "port_mappings": [],
    "env": ["A=b"],
    "Mounts": [
        {"Source": "/srv", "Destination": "/data", "Mode": "z", "RW": False, "Propagation": "rprivate"},
        {"Source": "/proc", "Destination": "/host/proc", "Mode": "", "RW": True, "Propagation": ""},
    ],
}
POD = {"type": 6, "id": SANDBOX[:12], "is_pod_sandbox": True, "ip": "10.0.0.7", "cni_json": '{"a":1}'}
POD["pod_sandbox_labels"] = {"app": "site"}
CLOSE = captures.event("close", 10, res=0, fd=0)


def told(container: dict[str, object], name: bytes = b"container") -> bytes:
    """Return the event in which Falco's plugin tells of a container."""
    return captures.large_event("asyncevent", -1, plugin_id=0, name=name, data=_json(container) + b"\0")


def _json(container: dict[str, object]) -> bytes:
    return json.dumps({"container": container}).encode()


@pytest.mark.parametrize(
    "event",
    [
        told(TOLD),
        captures.large_event("container", -1, json=_json(TOLD)),
        captures.old_event(272, -1, _json(TOLD) + b"\0"),
    ],
    ids=["plugin", "json", "older json"],
)
def test_fields_of_a_container(replayed, shown, event):
    """After the event, what happens in the container has what the event told; what happens elsewhere does not."""
    names = {
        "container.id": ID,
        "container.full_id": FULL,
        "container.type": "docker",
        "container.name": "web",
        "container.image": "registry/site:1.2",
        "container.image.id": "sha256:77",
        "container.image.repository": "registry/site",
        "container.image.tag": "1.2",
        "container.image.digest": "sha256:88",
        "container.ip": "172.17.0.2",
        "container.privileged": True,
        "container.host_pid": False,
        "container.host_network": True,
        "container.labels": "empty, team:red",
        "container.label[team]": "red",
        "container.label[other]": None,
        "container.mounts": "/srv:/data:z:false:rprivate,/proc:/host/proc::true:",
        "container.mount[0]": "/srv:/data:z:false:rprivate",
        "container.mount.dest[/proc*]": "/host/proc",
        "container.mount.source[/host/proc]": "/proc",
        "container.mount.rdwr[/srv]": "false",
        "container.mount.mode[7]": None,
        "container.mount.mode[(]": None,
        "k8s.pod.name": "site-0",
        "k8s.ns.name": "shop",
        "k8s.pod.sandbox_id": SANDBOX[:12],
        "k8s.pod.full_sandbox_id": SANDBOX,
    }
    elsewhere = captures.event("close", 20, res=0, fd=0)
    found = shown(replayed(*LISTS, CLOSE, event, CLOSE, elsewhere), *names)

    assert [("close", *names.values())] == found[2:3]
    assert ("close", ID, FULL, "docker", None) == found[0][:5]
    assert ("close", "host", "host", "host", "host", "") == found[3][:6]


def test_the_event_itself_has_its_container(replayed, shown):
    """A rule may fire for the event that tells of a container, before anything has happened in that."""
    fields = ("container.id", "container.name", "evt.asynctype", "evt.category", "evt.dir", "evt.res", "evt.arg[name]")
    other = told(TOLD | {"name": "other"}, b"something")

    assert [
        ("asyncevent", ID, "web", "container", "other", ">", None, "container"),
        ("asyncevent", "host", "host", "something", "other", ">", None, "something"),
    ] == shown(replayed(*LISTS, CLOSE, told(TOLD), other), *fields)[1:]


def test_asynchronous_events_of_other_sources(replayed, shown):
    """What a plugin tells for a source of its own is no system call."""
    event = captures.large_event("asyncevent", -1, plugin_id=3, name=b"container", data=_json(TOLD))

    assert [("close", None)] == shown(replayed(*LISTS, event, CLOSE), "container.name")


def test_a_container_that_is_removed(replayed, shown):
    """The event of its end still has it; behind that nothing is known."""
    events = (told(TOLD), told(TOLD, b"container_removed"), CLOSE)

    assert [("asyncevent", "web"), ("asyncevent", "web"), ("close", None)] == shown(
        replayed(*LISTS, CLOSE, *events), "container.name"
    )[1:]


def test_the_oldest_form(replayed, shown):
    """The oldest captures tell id, type, name and image, each as a parameter."""
    event = captures.old_event(228, -1, ID.encode() + b"\0", bytes((7, 0, 0, 0)), b"web\0", b"site:1\0")
    fields = ("container.id", "container.full_id", "container.type", "container.name", "container.image")

    assert ("close", ID, ID, "containerd", "web", "site:1") == shown(replayed(*LISTS, event, CLOSE), *fields)[-1]


def test_facts_of_a_pod(replayed, shown):
    """What a container does not tell of its pod comes from the pod's sandbox."""
    fields = ("k8s.pod.labels", "k8s.pod.label[app]", "k8s.pod.ip", "k8s.pod.cni.json")
    alone = TOLD | {"pod_sandbox_id": ""}

    assert ("close", "app:site", "site", "10.0.0.7", '{"a":1}') == shown(
        replayed(*LISTS, told(TOLD), told(POD), CLOSE), *fields
    )[-1]
    assert ("close", "", None, None, None) == shown(replayed(*LISTS, told(TOLD), CLOSE), *fields)[-1]
    assert ("close", "", None, "", "") == shown(replayed(*LISTS, told(alone), CLOSE), *fields)[-1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"null",
        b'{"container":null}',
        b'{"container":{"id":7}}',
        b'{"container":{"id":"\xff"}}',
    ],
)
def test_what_is_no_container_tells_nothing(replayed, shown, data):
    """JSON of another form, and what is no JSON, is left out."""
    event = captures.large_event("asyncevent", -1, plugin_id=0, name=b"container", data=data)

    assert [("asyncevent", "host", "host"), ("close", ID, None)] == shown(
        replayed(*LISTS, CLOSE, event, CLOSE), "container.id", "container.name"
    )[1:]


def test_accounts_of_a_container(replayed, shown):
    """A user that is added in a container has its name there, and nowhere else."""
    added = captures.event(
        "useradded", -1, uid=1000, gid=5, name=b"eve", home=b"/", shell=b"/sh", container_id=ID.encode()
    )
    elsewhere = captures.event("close", 20, res=0, fd=0)

    assert [("close", "anna"), ("useradded", "<NA>"), ("close", "eve"), ("close", "anna")] == shown(
        replayed(*LISTS, CLOSE, added, CLOSE, elsewhere), "user.name"
    )


def test_what_is_kept_has_an_end():
    """Of many containers and of much text the newest are kept; one that is too large is not."""
    known = DescribedContainers()
    for number in range(MOST + 2):
        known.tell(_json({"id": str(number)}))
    assert (MOST, None, "2") == (len(known), known.get("1"), getattr(known.get("2"), "id", None))

    large = "x" * (MOST_BYTES_EACH - 100)
    for number in range(40):
        known.tell(_json({"id": f"large {number}", "name": large}))
    assert MOST_BYTES // MOST_BYTES_EACH == len(known)
    assert large == getattr(known.get("large 39"), "name", None) == getattr(known.get("large 38"), "name", None)

    known.tell(_json({"id": "too large", "name": "x" * MOST_BYTES_EACH}))
    assert known.get("too large") is None


def test_accounts_have_an_end():
    """A container has so many accounts; their texts are cut."""
    users = CapturedUsers(2)
    for number in range(3):
        users.add(ListedUser(number, b"n" * 300, b"/" * 2000))
    assert ["n" * 256, "n" * 256, "<NA>"] == [users.name(number) for number in range(3)]
    assert "/" * 1024 == users.home(1)


def test_shares_of_a_processor(replayed, shown):
    """Fields have what a thread used of a processor since its last procinfo, at most all of it."""
    times = ((100, 10), (130, 15), (10_000, 15))
    events = [captures.event("procinfo", 10, cpu_usr=own, cpu_sys=kernel) for own, kernel in times]

    assert [
        ("procinfo", 0.0, 0.0, 0.0),
        ("procinfo", 30.0, 5.0, 35.0),
        ("procinfo", 100.0, 0.0, 100.0),
        ("close", None, None, None),
    ] == shown(replayed(*LISTS, *events, CLOSE), "thread.cpu.user", "thread.cpu.system", "thread.cpu")


def test_messages_of_old_captures(replayed, shown):
    """Old captures say of two types that their events are three bytes longer than their parameters."""
    events = (
        captures.old_event(280, -1, b"7\0", b"a message\0", more=bytes(3)),
        captures.old_event(286, -1, b"here\0", b"name\0", b"text\0", b"all\0", more=bytes(3)),
    )

    assert [
        ("notification", "id=7 desc=a message"),
        ("infra", "source=here name=name description=text scope=all"),
    ] == shown(replayed(*LISTS, *events), "evt.args")


def test_calls_of_other_machines(replayed, shown):
    """Calls that only some machines have a number for are events for rules as well."""
    peer = b"\2" + bytes(12)
    send = captures.event("send", 10, res=1, data=b"x", fd=0, size=1, tuple=peer)

    assert [("send", "net", "<", 0, 1)] == shown(
        replayed(*LISTS, send), "evt.category", "evt.dir", "fd.num", "evt.rawres"
    )

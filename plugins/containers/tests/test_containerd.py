"""containerd and its CRI service say what the rows have."""

from __future__ import annotations

import json
import secrets
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemons import need, process, run
from msgspec import structs

from falcohost.testing.images import IMAGE, write_image
from falcohost.testing.waiting import PATIENCE, SLOWNESS, wait_until
from falcohost_containers.rows import Row
from falcohost_containers.runtimes import grpc
from falcohost_containers.runtimes import protobuf as pb
from falcohost_containers.runtimes.containerd import Containerd
from falcohost_containers.runtimes.cri import Cri
from falcohost_containers.runtimes.engine import Deadline, RuntimeFailed
from falcohost_containers.runtimes.grpc import Client

PAUSE = "localhost/falcohost/pause:1"
CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    disable_snapshot_annotations = true
"""
SERVICE = "/runtime.v1.RuntimeService"
#: What ``kubectl apply`` leaves in the annotations of a pod.
APPLIED = {
    "kind": "Pod",
    "spec": {
        "containers": [
            {"name": "other", "livenessProbe": {"exec": {"command": ["/other"]}}},
            {
                "name": "web",
                "livenessProbe": {"exec": {"command": ["cat", "/alive"]}},
                "readinessProbe": {"httpGet": {"port": 80}},
            },
        ]
    },
}


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Give the daemon time: it gives up a pod that it starts when who has asked leaves, as the agent does after 3 s."""
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(grpc, "Deadline", lambda: Deadline(PATIENCE * SLOWNESS))
        yield


@pytest.fixture(scope="module")
def containerd(tmp_path_factory) -> Iterator[Path]:
    """Return the socket of a daemon of its own, with two images in two namespaces."""
    need("containerd", "containerd", "ctr", "runc", "busybox")
    folder = tmp_path_factory.mktemp("c")
    (folder / "config.toml").write_text(CONFIG.format(folder=folder, pause=PAUSE))
    write_image(folder / "image.tar")
    write_image(folder / "pause.tar", PAUSE, ["/bin/sleep", "1000"])
    with process("containerd", "-c", str(folder / "config.toml"), until=folder / "containerd.sock"):
        wait_until(lambda: subprocess.run(["ctr", "-a", folder / "containerd.sock", "version"]).returncode == 0)
        for namespace, name in (("shop", "image"), ("k8s.io", "image"), ("k8s.io", "pause")):
            ctr(
                folder / "containerd.sock", namespace, "image", "import", "--snapshotter=native", f"{folder}/{name}.tar"
            )
        yield folder / "containerd.sock"


def ctr(path: Path, namespace: str, *command: str) -> str:
    """Run ctr."""
    return run("ctr", "-a", str(path), "-n", namespace, *command)


def tried(make: Callable[[], str]) -> str:
    """Return what *make* returns; try again where containerd says that its shim has not started."""
    for _ in range(9):
        try:
            return make()
        except (RuntimeFailed, AssertionError) as error:
            if "failed to start shim" not in str(error):
                raise
    return make()


@pytest.fixture(scope="module")
def task(containerd) -> Iterator[str]:
    """Return the id of a task of ctr."""
    options = [
        "--snapshotter=native",
        "--net-host",
        "--label=owner=ann",
        "--mount=type=bind,src=/tmp,dst=/data,options=rbind:ro",
    ]

    def run() -> str:
        name = f"web-{secrets.token_hex(4)}"
        try:
            ctr(containerd, "shop", "run", "-d", *options, IMAGE, name, "/bin/sleep", "1000")
        except AssertionError:
            ctr(containerd, "shop", "container", "rm", name)
            raise
        return name

    name = tried(run)
    yield name
    ctr(containerd, "shop", "task", "kill", "-s", "SIGKILL", name)
    wait_until(lambda: "STOPPED" in ctr(containerd, "shop", "task", "ls"))
    ctr(containerd, "shop", "container", "rm", name)


def test_containerd(containerd, task):
    """A task of ctr has its name, image, labels, mounts and namespaces, whatever containerd's namespace."""
    here = Containerd(containerd)
    row = here.find(task)
    assert row is not None

    assert (task, IMAGE, "localhost/falcohost/test", "1") == (row.name, row.image, row.repository, row.tag)
    assert (12, "sha256:", "ann") == (len(row.image_id), row.digest[:7], row.labels["owner"])
    assert ("/tmp", "/data", False) == next(
        (one.source, one.destination, one.writable) for one in row.mounts or () if one.destination == "/data"
    )
    assert {"network"} == row.shares
    assert () == row.healthcheck
    assert [task] == [*here.running()]
    assert containerd.parent / "io.containerd.runtime.v2.task/shop" in here.folders()
    assert here.find("none") is None


def test_containerd_in_brief(containerd, task):
    """One answer has all but what only the image says."""
    here = Containerd(containerd)
    row = here.find(task)
    assert row is not None

    assert structs.replace(row, digest="", image_id="") == here.brief(task)
    assert here.brief("none") is None


def test_many_calls(containerd):
    """What is kept of calls on a connection that are over does not grow with their number."""
    client = Client(containerd)
    for _ in range(150):
        client.call("/containerd.services.version.v1.Version/Version", b"")

    assert 64 >= len(client._own.connection._http._closed_streams)


def many(*fields: tuple[int, bytes | str]) -> bytes:
    """Return a message some of whose fields are there several times."""
    return b"".join(pb.encode({number: value}) for number, value in fields)


def pair(key: str, value: str) -> bytes:
    """Return an entry of a map."""
    return pb.encode({1: key, 2: value})


@pytest.fixture
def pod(containerd) -> Iterator[tuple[str, str, str]]:
    """Return the ids of a pod, its sandbox and its container, made as by the kubelet, which names images by id."""
    client, uid = Client(containerd), str(uuid.uuid4())
    host = pb.encode({2: pb.encode({1: pb.encode({1: 2, 2: 1})})})  # the host's network, as no other is set up here
    labels = {"app": "shop", "io.kubernetes.pod.name": "shop-0"}
    config = many(
        (1, pb.encode({1: "shop-0", 2: uid, 3: "prod"})),
        *((6, pair(*one)) for one in labels.items()),
        (7, pair("kubectl.kubernetes.io/last-applied-configuration", json.dumps(APPLIED))),
        (8, host),
    )

    def call(method: str, body: bytes) -> str:
        return pb.text(pb.decode(client.call(f"{SERVICE}/{method}", body) or b""), 1)

    asked = pb.encode({1: pb.encode({1: IMAGE})})
    image = pb.text(pb.message(pb.decode(client.call("/runtime.v1.ImageService/ImageStatus", asked) or b""), 1), 1)
    sandbox = tried(lambda: call("RunPodSandbox", pb.encode({1: config})))
    mount = pb.encode({1: "/data", 2: "/tmp", 3: 1})
    made = many(
        (1, pb.encode({1: "web"})), (2, pb.encode({1: image})), (3, "/bin/sleep"), (3, "1000"), (7, mount),
        (9, pair("io.kubernetes.container.name", "web")),
    )  # fmt: skip
    container = call("CreateContainer", pb.encode({1: sandbox, 2: made, 3: config}))
    call("StartContainer", pb.encode({1: container}))
    yield uid, sandbox, container
    call("StopPodSandbox", pb.encode({1: sandbox}))
    call("RemovePodSandbox", pb.encode({1: sandbox}))


def test_pods(containerd, pod):
    """Containers of Kubernetes have what its interface says of them and of their pod, asked for in either way."""
    uid, sandbox, container = pod
    direct = Cri(Client(containerd))
    for here in (direct, Containerd(containerd)):
        row = here.find(container)
        assert row is not None

        assert ("web", IMAGE, "1") == (row.name, row.image, row.tag)
        assert ("shop-0", "prod", uid, sandbox) == (row.pod.name, row.pod.namespace, row.pod.uid, row.pod.sandbox)
        assert (("cat", "/alive"), ()) == (row.liveness, row.readiness)
        assert ("shop", "web") == (row.pod.labels["app"], row.labels["io.kubernetes.container.name"])
        assert [("/tmp", "/data", False)] == [(one.source, one.destination, one.writable) for one in row.mounts or ()]
        assert {"network"} == row.shares
    assert "shop-0" == (direct.find(sandbox) or Row()).name
    assert {container, sandbox} <= {*direct.running()}
    assert direct.find("f" * 64) is None

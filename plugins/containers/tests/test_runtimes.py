"""Real runtimes say what the rows have: containerd and its CRI service, podman with and without its service, runc."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.images import IMAGE, is_static, write_image
from falcohost.testing.waiting import PATIENCE, wait_until
from falcohost_containers.rows import Row
from falcohost_containers.runtimes import engine
from falcohost_containers.runtimes import protobuf as pb
from falcohost_containers.runtimes.bare import Bare
from falcohost_containers.runtimes.containerd import Containerd
from falcohost_containers.runtimes.cri import Cri
from falcohost_containers.runtimes.docker import Docker
from falcohost_containers.runtimes.engine import RuntimeFailed
from falcohost_containers.runtimes.grpc import Client
from falcohost_containers.runtimes.http import get
from falcohost_containers.runtimes.storage import Podman

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


def need(what: str, *programs: str) -> None:
    """Skip where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing or not is_static():
        skip_or_fail(what, f"{', '.join(missing) or 'a static busybox'} missing: apt-get install {what} busybox-static")


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command; return what it wrote."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | (env or {}),
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stdout.strip()


@contextmanager
def process(*command: str, until: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a program while its socket *until* is needed."""
    started = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | (env or {})
    )
    try:
        wait_until(lambda: until.exists() or started.poll() is not None)
        assert started.poll() is None
        yield
    finally:
        started.terminate()
        started.wait(PATIENCE)


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


@pytest.fixture(scope="module")
def task(containerd) -> Iterator[str]:
    """Return the id of a task of ctr."""
    name = f"web-{secrets.token_hex(4)}"
    options = [
        "--snapshotter=native",
        "--net-host",
        "--label=owner=ann",
        "--mount=type=bind,src=/tmp,dst=/data,options=rbind:ro",
    ]
    ctr(containerd, "shop", "run", "-d", *options, IMAGE, name, "/bin/sleep", "1000")
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


def many(*fields: tuple[int, bytes | str]) -> bytes:
    """Return a message some of whose fields are there several times."""
    return b"".join(pb.encode({number: value}) for number, value in fields)


def pair(key: str, value: str) -> bytes:
    """Return an entry of a map."""
    return pb.encode({1: key, 2: value})


@pytest.fixture
def pod(containerd) -> Iterator[tuple[str, str, str]]:
    """Return the ids of a pod, its sandbox and its container, which Kubernetes' interface has made."""
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

    sandbox = call("RunPodSandbox", pb.encode({1: config}))
    mount = pb.encode({1: "/data", 2: "/tmp", 3: 1})
    made = many(
        (1, pb.encode({1: "web"})), (2, pb.encode({1: IMAGE})), (3, "/bin/sleep"), (3, "1000"), (7, mount),
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


ENV = {"PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}


@pytest.fixture(scope="module")
def podman(tmp_path_factory) -> Iterator[tuple[Path, Path, str, str]]:
    """Return podman's storage, the socket of its service, and name and id of a container that runs."""
    need("podman", "podman", "runc", "busybox")
    folder = tmp_path_factory.mktemp("p")
    write_image(folder / "image.tar")
    places = ("--root", str(folder / "root"), "--runroot", str(folder / "run"), "--runtime", "runc")
    how = ("--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file")
    command, name = ("podman", *places, *how), f"shop-{secrets.token_hex(4)}"
    run(*command, "load", "-q", "-i", str(folder / "image.tar"), env=ENV)
    options = ["--network=none", "--label=owner=ann", "-v=/tmp:/data:ro", "--health-cmd=/bin/true", "--pid=host"]
    ident = run(*command, "run", "-d", "--name", name, *options, IMAGE, "/bin/sleep", "1000", env=ENV)
    path = folder / "podman.sock"
    with process(*command, "system", "service", "-t0", f"unix://{path}", until=path, env=ENV):
        yield folder / "root", path, name, ident
    run(*command, "rm", "-f", "-t0", name, env=ENV)


def test_podman_without_a_service(podman):
    """Its files and its database say what a container is."""
    storage, _, name, ident = podman
    here = Podman([storage], [], None)
    row = here.find(ident)
    assert row is not None

    assert (name, IMAGE, "localhost/falcohost/test", "1") == (row.name, row.image, row.repository, row.tag)
    assert (12, "sha256:", {"pid"}) == (len(row.image_id), row.digest[:7], row.shares)
    assert ("ann", ("/bin/sh", "-c", "/bin/true")) == (row.labels["owner"], row.healthcheck)
    assert ("/tmp", False) == next((one.source, one.writable) for one in row.mounts or () if one.destination == "/data")
    assert [ident] == [*here.running()]
    assert [storage / "vfs-containers"] == here.folders()
    assert here.find("f" * 64) is None


def test_podman_with_its_service(podman):
    """Its service, which speaks docker's protocol, says the same."""
    storage, path, name, ident = podman
    for here in (Docker(path), Podman([storage], [], path)):
        row = here.find(ident)
        assert row is not None

        assert (name, IMAGE, "1", "sha256:") == (row.name, row.image, row.tag, row.digest[:7])
        assert ("ann", False, {"pid"}) == (row.labels["owner"], row.privileged, row.shares)
        assert ("/bin/sh", "-c", "/bin/true") == row.healthcheck
        assert [("/tmp", "/data", False)] == [(one.source, one.destination, one.writable) for one in row.mounts or ()]
    assert [ident] == [*Docker(path).running()]
    assert Docker(path).find("f" * 64) is None


def test_docker_in_brief(podman):
    """Its list says name, image and labels at once."""
    _, path, name, ident = podman
    row = Docker(path).brief(ident)
    assert row is not None

    assert (name, "localhost/falcohost/test", "1", "ann") == (row.name, row.repository, row.tag, row.labels["owner"])
    assert Docker(path).brief("f" * 64) is None


def test_users_storages(podman, tmp_path):
    """A container in one user's storage is found; of one that several users claim, nobody is believed."""
    storage, _, name, ident = podman
    (tmp_path / "ann").symlink_to(storage)
    pattern = f"{tmp_path}/*"
    assert name == (Podman([], [pattern], None).find(ident) or Row()).name

    (tmp_path / "bob").symlink_to(storage)
    with pytest.raises(RuntimeFailed):
        Podman([], [pattern], None).find(ident)


def test_bare(tmp_path):
    """A container of runc has its mounts and namespaces from its bundle."""
    need("containerd", "runc", "busybox")
    name = f"bare-{secrets.token_hex(4)}"
    (tmp_path / "rootfs/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", tmp_path / "rootfs/bin/sleep")
    subprocess.run(["runc", "spec"], cwd=tmp_path, check=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["/bin/sleep", "1000"]}
    config["annotations"] = {"owner": "ann"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    subprocess.run(
        ["runc", "--root", tmp_path / "state", "run", "-d", "-b", tmp_path, name],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    try:
        here = Bare([tmp_path / "none", tmp_path / "state"])
        row = here.find(name)
        assert row is not None

        assert (name, "ann", set()) == (row.name, row.labels["owner"], row.shares)
        assert "/proc" in [one.destination for one in row.mounts or ()]
        assert [name] == [*here.running()]
        assert here.find("other") is None
    finally:
        subprocess.run(["runc", "--root", tmp_path / "state", "delete", "-f", name], check=True)


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Return a function that listens at a socket, answers with some bytes again and again, and returns its path."""
    monkeypatch.setattr(engine, "PATIENCE", 0.2)
    monkeypatch.setattr(engine.Deadline.__init__, "__defaults__", (0.2,))
    listening = []

    def hostile(data: bytes, times: int = 1) -> Path:
        server = socket.socket(socket.AF_UNIX)
        path = tmp_path / f"{len(listening)}.sock"
        server.bind(str(path))
        server.listen()
        listening.append(server)
        threading.Thread(target=_answer, args=(server, data, times), daemon=True).start()
        return path

    yield hostile
    for server in listening:
        server.close()


def _answer(server: socket.socket, data: bytes, times: int) -> None:
    while True:
        try:
            link, _ = server.accept()
            with link:
                link.recv(1 << 16)
                for _ in range(times):
                    link.sendall(data)
                link.recv(1 << 16)
        except OSError:
            if server.fileno() < 0:
                return


HTTP = b"HTTP/1.0 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "times"),
    [
        (b"", 1),
        (b"x" * 65536, 200),
        (HTTP + b"[" * 100_000, 1),
        (HTTP + b'{"Id": 5}', 1),
        (HTTP + b" " * 65536, 200),
        (b"HTTP/1.0 200 OK\r\n" + b"a: b\r\n" * 10_000, 100),
        (b"HTTP/1.0 500 No\r\n\r\n", 1),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1),
        (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", 100_000),
        (b"\xff" * 64, 1),
    ],
    ids=["nothing", "noise", "deep", "another kind", "huge", "headers", "refusal", "preface", "settings", "no frame"],
)
def test_hostile_runtimes(hostile, data, times):
    """Whatever comes from a socket is an error of the kinds that are expected, in bounded time, and nothing else."""
    path = hostile(data, times)
    for here in (Docker(path), Containerd(path), Cri(Client(path))):
        with pytest.raises((RuntimeFailed, OSError, ValueError, RecursionError)):
            here.find("f" * 64)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n[1]", [1]),
        (b"HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 3\r\n\r\n[1]", [1]),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[1]", RuntimeFailed),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n", RuntimeFailed),
        (b"HTTP/2.0 200 OK\r\n\r\n[1]", RuntimeFailed),
        (b"[1]\r\n\r\n", RuntimeFailed),
    ],
    ids=["until its end", "with a length", "not found", "too long", "in chunks", "another version", "no status"],
)
def test_answers_over_http(tmp_path, data, found):
    """An answer is read as RFC 9112 has it; what may not be answered to HTTP/1.0 is an error."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threading.Thread(target=_answer_once, args=(server, data), daemon=True).start()
        if found is RuntimeFailed:
            with pytest.raises(RuntimeFailed):
                get(path, "/x", list[int])
        else:
            assert found == get(path, "/x", list[int])


def _answer_once(server: socket.socket, data: bytes) -> None:
    link, _ = server.accept()
    with link:
        assert link.recv(1 << 16).startswith(b"GET /x HTTP/1.0\r\n")
        link.sendall(data)


def test_nobody_listens(tmp_path):
    """A socket that is not there, or at which nobody listens, is an error."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file"):
        for here in (Docker(path), Containerd(path)):
            with pytest.raises(OSError):
                here.find("f" * 64)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_text('[{"id": 5}]'),
        lambda path: os.truncate(path, 1 << 40) if path.touch() is None else None,
        lambda path: path.symlink_to("/etc/shadow"),
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
    ],
    ids=["deep", "another kind", "huge", "link", "fifo", "folder"],
)
def test_hostile_storages(tmp_path, write):
    """What a user puts in place of podman's files is an error, is not followed, and is not waited for."""
    folder = tmp_path / "overlay-containers"
    folder.mkdir()
    write(folder / "containers.json")
    signal.alarm(30)  # should it hang after all

    with pytest.raises((RuntimeFailed, OSError, ValueError, RecursionError)):
        Podman([], [str(tmp_path)], None).find("f" * 64)
    signal.alarm(0)

"""podman with and without its service says what the rows have, and so does runc."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import need, process, run

from falcohost.testing.images import IMAGE, write_image
from falcohost_containers.rows import Row
from falcohost_containers.runtimes.bare import Bare
from falcohost_containers.runtimes.docker import Docker
from falcohost_containers.runtimes.engine import RuntimeFailed
from falcohost_containers.runtimes.storage import Podman

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

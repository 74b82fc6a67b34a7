"""docker's files and its API say the same of a container; its files say so also where it does not answer."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_runtimes import Docker as Daemon
from daemons import need

from falcohost.testing.images import IMAGE, write_image
from falcohost.testing.waiting import wait_until
from falcohost_containers.asking import Asking
from falcohost_containers.rows import Row
from falcohost_containers.runtimes.docker import Docker
from falcohost_containers.runtimes.engine import Incomplete

OPTIONS = ["--network=none", "--pid=host", "--label=owner=ann", "--health-cmd=/bin/true", "-v=/tmp:/data:ro"]


@pytest.fixture(scope="module")
def docker(tmp_path_factory) -> Iterator[Daemon]:
    """Return a docker with a containerd of its own, and the image in it."""
    need("docker", "dockerd", "docker", "containerd", "runc", "busybox")
    folder = tmp_path_factory.mktemp("d")
    write_image(folder / "image.tar")
    daemon = Daemon(folder, folder / "image.tar")
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def web(docker) -> Iterator[tuple[str, str]]:
    """Return name and id of a container that runs."""
    name = f"web-{secrets.token_hex(4)}"
    ident = docker.do("run", "-d", "--name", name, *OPTIONS, IMAGE, "/bin/sleep", "1000").strip()
    yield name, ident
    docker.do("rm", "-f", name)


@pytest.fixture
def silent(tmp_path) -> Iterator[Path]:
    """Return a socket that takes connections and never answers."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        yield tmp_path / "socket"


def test_files_and_answers(docker, web, silent):
    """Each says everything."""
    name, ident = web
    row = Docker(silent, folders=[docker.folder]).find(ident)
    assert row is not None

    assert Docker(docker.socket).find(ident) == row
    assert (name, IMAGE, "localhost/falcohost/test", "1") == (row.name, row.image, row.repository, row.tag)
    assert ("ann", ("/bin/sh", "-c", "/bin/true"), False) == (row.labels["owner"], row.healthcheck, row.privileged)
    assert {"pid"} == row.shares
    assert [("/tmp", "/data", "ro", False)] == [
        (one.source, one.destination, one.mode, one.writable) for one in row.mounts or ()
    ]


def test_the_list(docker, web):
    """Its list says name, image and labels at once."""
    name, ident = web
    row = Docker(docker.socket).brief(ident)
    assert row is not None

    assert (name, "localhost/falcohost/test", "1", "ann") == (row.name, row.repository, row.tag, row.labels["owner"])
    assert Docker(docker.socket).brief("f" * 64) is None


def test_a_volume(docker, silent):
    """Where it is, files do not say as docker does, but the same is told."""
    name = f"web-{secrets.token_hex(4)}"
    ident = docker.do("run", "-d", "--name", name, "-v", "/kept", *OPTIONS, IMAGE, "/bin/sleep", "1000").strip()
    try:
        row = Docker(silent, folders=[docker.folder]).find(ident) or Row()
        told = Docker(docker.socket).find(ident) or Row()
        assert {*(told.mounts or ())} == {*(row.mounts or ())}  # docker tells them in any order
    finally:
        docker.do("rm", "-f", "-v", name)

    assert "/kept" in {one.destination for one in row.mounts or () if Path(one.source).name == "_data"}


def test_before_the_start(docker, silent):
    """What has not been started may change, and is told as that, whoever says it."""
    name = f"web-{secrets.token_hex(4)}"
    ident = docker.do("create", "--name", name, *OPTIONS, IMAGE, "/bin/sleep", "1000").strip()
    try:
        for here in (Docker(docker.socket), Docker(silent, folders=[docker.folder])):
            with pytest.raises(Incomplete) as raised:
                here.find(ident)
            assert (name, IMAGE, "1") == (raised.value.row.name, raised.value.row.image, raised.value.row.tag)
        docker.do("start", name)
        assert name == (Docker(silent, folders=[docker.folder]).find(ident) or Row()).name
    finally:
        docker.do("rm", "-f", name)


@pytest.mark.parametrize("digest", ["", "sha256:" + "a" * 64])
def test_names_of_images(docker, web, silent, tmp_path, digest):
    """A digest is in the file of images' names; where there is no such file, docker is asked for them."""
    _, ident = web
    shutil.copytree(docker.folder, tmp_path / "data/containers", ignore=shutil.ignore_patterns("*.sock"))
    if digest:
        (tmp_path / "data/image/vfs").mkdir(parents=True)
        names = json.loads((docker.folder.parent / "image/vfs/repositories.json").read_text())["Repositories"]
        ((repository, of_image),) = names.items()
        of_image[f"{repository}@{digest}"] = of_image[f"{repository}:1"]
        (tmp_path / "data/image/vfs/repositories.json").write_text(json.dumps({"Repositories": names}))
    path = silent if digest else docker.socket
    row = Docker(path, folders=[tmp_path / "data/containers"]).find(ident)

    assert (digest, "1") == ((row or Row()).digest, (row or Row()).tag)


def test_a_folder_without_files(docker, web, silent, tmp_path):
    """Docker is about to write them, and is not asked meanwhile, unless the folder is older than that."""
    name, ident = web
    (tmp_path / ident).mkdir()
    with pytest.raises(Incomplete):
        Docker(silent, folders=[tmp_path]).find(ident)
    os.utime(tmp_path / ident, (1, 1))

    assert name == (Docker(docker.socket, folders=[tmp_path]).find(ident) or Row()).name


@pytest.mark.parametrize("write", ["[" * 100_000, "{}", '{"ID": 5}', None, b"\xff"], ids=str)
def test_files_that_say_something_else(docker, web, tmp_path, write):
    """Then docker is asked."""
    name, ident = web
    shutil.copytree(docker.folder, tmp_path / "data/containers", ignore=shutil.ignore_patterns("*.sock"))
    file = tmp_path / "data/containers" / ident / "config.v2.json"
    if write is None:
        other = json.loads(file.read_text()) | {"ID": "f" * 64, "Name": "/other"}
        file.write_text(json.dumps(other))
    else:
        file.write_bytes(write.encode() if isinstance(write, str) else write)

    assert name == (Docker(docker.socket, folders=[tmp_path / "data/containers"]).find(ident) or Row()).name


def test_a_docker_that_does_not_answer(docker, web, silent):
    """Where images are containerd's, so that only docker knows their names, the rest is told without them."""
    name, ident = web
    folder = silent.parent / "data/containers"
    shutil.copytree(docker.folder, folder, ignore=shutil.ignore_patterns("*.sock"))
    told: list[Row | None] = []
    Asking([Docker(silent, folders=[folder])]).ask(ident, "docker", told.append)
    wait_until(lambda: told)

    assert told[0] is not None
    assert (name, IMAGE, "1", True) == (told[0].name, told[0].image, told[0].tag, told[0].partial)

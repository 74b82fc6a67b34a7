"""What ``falcohost doctor`` says about runtimes."""

import os
import socket

import pytest

from falcohost_containers import check as checking
from falcohost_containers.check import check


@pytest.fixture
def engines(tmp_path, monkeypatch):
    """Return settings for runtimes in a folder that has none yet."""
    monkeypatch.setenv("HOST_ROOT", str(tmp_path))
    return {}


def test_no_runtime(engines):
    """That there is none is in order."""
    ((what, problem),) = check(engines)

    assert "no container runtime" in what
    assert problem is None


def test_runtimes(engines, tmp_path):
    """Of sockets it is said whether somebody answers there, of files whether they can be read."""
    (tmp_path / "var/run").mkdir(parents=True)
    (tmp_path / "run/crio").mkdir(parents=True)
    (tmp_path / "run/crun").mkdir()
    (tmp_path / "run/crio/crio.sock").touch()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "var/run/docker.sock"))
        server.listen()
        found = dict(check(engines))

    assert found.pop(f"docker answers at {tmp_path}/var/run/docker.sock") is None
    assert found.pop(f"containers of runc or crun are read in {tmp_path}/run/crun") is None
    assert "Connection refused" in found.pop(f"cri answers at {tmp_path}/run/crio/crio.sock")
    assert {"containers are noticed when they are made; their starts are not paused (pause.enabled)": None} == found


def test_ways(engines, tmp_path, monkeypatch):
    """It is said whether starts are paused, or only noticed, or not even that, and why."""
    (tmp_path / "run/crun").mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/crun").touch()
    pause = {**engines, "pause": {"enabled": True}}
    what = f"starts of containers are paused until what is on disk of them has been read: {tmp_path}/usr/bin/crun"
    if os.geteuid() == 0:
        assert dict(check(pause))[what] is None

    def refuse():
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(checking, "Queue", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "fanotify_init: Operation not permitted" in dict(check(pause))[what]
    monkeypatch.setattr(checking.Folders, "fileno", lambda self: -1)
    assert "max_user_instances" in dict(check(pause))["containers are noticed at their first event only"]


def test_without_http2(engines, tmp_path, monkeypatch):
    """A runtime that cannot be asked is told."""
    monkeypatch.setattr(checking, "HAS_HTTP2", False)
    (tmp_path / "run/containerd").mkdir(parents=True)
    (tmp_path / "run/containerd/containerd.sock").touch()

    assert "h2" in dict(check(engines))[f"containerd answers at {tmp_path}/run/containerd/containerd.sock"]

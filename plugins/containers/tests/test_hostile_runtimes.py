"""Whatever runtimes answer, and whatever their files have, is an error at worst."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
from pathlib import Path

import pytest
from stand_in_sockets import StandInSocket

from falcohost_containers.runtimes import engine, grpc
from falcohost_containers.runtimes.containerd import Containerd
from falcohost_containers.runtimes.cri import Cri
from falcohost_containers.runtimes.docker import Docker
from falcohost_containers.runtimes.engine import RuntimeFailed
from falcohost_containers.runtimes.grpc import Client
from falcohost_containers.runtimes.http import get
from falcohost_containers.runtimes.storage import Podman


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Return a function that listens at a socket, answers with some bytes again and again, and returns its path."""
    monkeypatch.setattr(engine, "PATIENCE", 0.2)
    monkeypatch.setattr(engine.Deadline.__init__, "__defaults__", (0.2,))
    monkeypatch.setattr(grpc, "Deadline", engine.Deadline)  # tests of daemons give these much more time
    with contextlib.ExitStack() as listening:

        def hostile(data: bytes, times: int = 1) -> Path:
            path = tmp_path / f"{next(numbers)}.sock"
            listening.enter_context(StandInSocket(path, lambda link: _answer(link, data, times)))
            return path

        numbers = itertools.count()
        yield hostile


def _answer(link: socket.socket, data: bytes, times: int) -> None:
    with link, contextlib.suppress(OSError):
        link.recv(1 << 16)
        for _ in range(times):
            link.sendall(data)
        link.recv(1 << 16)


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
    with StandInSocket(path, lambda link: _answer_once(link, data)):
        if found is RuntimeFailed:
            with pytest.raises(RuntimeFailed):
                get(path, "/x", list[int])
        else:
            assert found == get(path, "/x", list[int])


def _answer_once(link: socket.socket, data: bytes) -> None:
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

"""Processes that help other workers of the agent, such as one that was replaced: their jobs are left out, no more."""

from __future__ import annotations

import os
import socket

import pytest

from falcohost import Plan
from falcohost.agent import AgentProcess, Job
from falcohost.helpers import HELPERS, Helper
from falcohost_syscall.processes.proc_reader import since
from falcohost_syscall.source import SyscallSource


def worker(gate: int, told: int, paths: list[str]) -> None:
    """Wait; then have a process of its own connect to *paths*, and tell which it was."""
    os.read(gate, 1)
    pid = os.fork()
    if pid == 0:
        for path in paths:
            socket.socket(socket.AF_UNIX).connect(path)
        os._exit(0)
    os.waitpid(pid, 0)
    os.write(told, str(pid).encode())


@pytest.mark.parametrize(
    ("role", "later", "hidden"), [("worker", 0, True), ("outputs", 0, False), ("worker", 1000, False)]
)
def test_what_helps_another_worker(bpf, tmp_path, role, later, hidden):
    """What its child does is left out as far as a helper of this worker does the same, if it is that worker's child."""
    paths = [str(tmp_path / name) for name in ("asked", "other")]
    servers = [socket.socket(socket.AF_UNIX) for _ in paths]
    for server, path in zip(servers, paths, strict=True):
        server.bind(path)
        server.listen()
    (gate, opens), (tells, told) = os.pipe(), os.pipe()
    former = os.fork()
    if former == 0:
        try:
            worker(gate, told, paths)
        finally:
            os._exit(0)
    link, _ = socket.socketpair()
    helper = Helper(os.getpid(), link, Job(("connect",), connects=(paths[0],)))
    source = SyscallSource({"engine": {}, "falcohost": {}, HELPERS: {"asks": helper}})
    try:
        source.open(Plan("syscall", frozenset({"connect", "procexit"})), None)
        source.agent([AgentProcess(former, since(former) + later, role, "syscall", ended=True)])
        os.write(opens, b"x")
        child = int(os.read(tells, 32))
        found = connects(source, child)
    finally:
        source.close()
        os.waitpid(former, 0)

    assert paths[hidden:] == found


def connects(source: SyscallSource, pid: int) -> list[str]:
    """Return where the process *pid*, which has ended, has connected to."""
    found = []
    for batch in source.batches():
        for event in batch.events:
            if event.proc.pid == pid and event.type == "procexit":
                return found
            if event.proc.pid == pid:
                found.append(event.socket.peer_path)
    raise AssertionError

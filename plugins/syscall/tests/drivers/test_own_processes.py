"""Drivers that keep tables in Python tell what the agent's processes do from everything else."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from falcohost_syscall.drivers.own import OwnProcesses

NOBODY = 1 << 22


def event(name: str, pid: int, ppid: int = 1) -> SimpleNamespace:
    """Return an event of a process that ran before."""
    process = SimpleNamespace(pid=pid, ppid=ppid, image=SimpleNamespace(exec_ts=0))
    return SimpleNamespace(type=name, proc=process, start=0)


@pytest.mark.parametrize("name", ["read", "openat", "bpf", "close"])
def test_a_command_has_its_own_calls(name):
    """Without a supervisor, what this process does is its own, also that it loads programs; its children's is not."""
    own = OwnProcesses(None, {})

    assert own.have(event(name, os.getpid()))
    assert not own.have(event(name, NOBODY, os.getpid()))
    assert not own.have(event(name, os.getppid()))


def test_a_worker_goes_by_what_the_supervisor_tells():
    """With one, this process is the agent's once it is told of; the supervisor is from the first."""
    own = OwnProcesses(NOBODY, {})

    assert own.have(event("read", NOBODY))
    assert not own.have(event("bpf", NOBODY))
    assert not own.have(event("read", os.getpid()))

"""Drivers that keep tables in Python tell what the agent's processes do from everything else."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from falcohost_syscall.drivers import own as own_module
from falcohost_syscall.drivers.own import OwnProcesses, is_quiet
from falcohost_syscall.processes.boot_clock import boot_time, since_boot
from falcohost_syscall.processes.proc_reader import since

NOBODY = 1 << 22


def event(name: str, pid: int, ppid: int = 1, start: int = 0) -> SimpleNamespace:
    """Return an event of a process that ran before."""
    process = SimpleNamespace(pid=pid, ppid=ppid, image=SimpleNamespace(exec_ts=0))
    return SimpleNamespace(type=name, proc=process, start=start)


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


def test_the_clock_is_read_once(monkeypatch):
    """Whether a process is the agent's is found out once: it takes calls, which are events, too."""
    reads = []
    monkeypatch.setattr(own_module, "boot_time", lambda: reads.append(0) or boot_time())
    own = OwnProcesses(None, {})
    start = boot_time() + since_boot(since(os.getpid()))
    for _ in range(5):
        assert own.have(event("read", os.getpid(), start=start))
    assert {os.getpid()} == own.quiet

    assert not own.have(event("read", os.getpid(), start=start + 60_000_000_000))
    assert not own.quiet
    assert 2 == len(reads)


def test_what_is_told_of_the_agent_too():
    """What changes processes and descriptors, and what no process of the agent does, is never passed over unread."""
    for name in ("execve", "ptrace", "bpf", "openat", "close", "dup2", "clone", "procexit", "chdir", "setuid"):
        assert not is_quiet(name)
    for name in ("getpid", "clock_gettime", "read", "write", "stat", "clock_nanosleep"):
        assert is_quiet(name)

"""The processes of the source have the rights of their job: who decodes records reaches no other process."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers import drivers

RULE = """
- rule: Marked
  desc: Somebody opened the mark; the environment is read in /proc if the process ran before.
  condition: >
    evt.type in (open, openat) and fd.name endswith falcohost-mark
    and fd.name glob "*[a-z]?mark" and proc.exepath regex "^/.+$"
  output: marked | the-loader-does-not-know-this %proc.name %proc.env[MARK] %proc.cwd %proc.pexe
  priority: NOTICE
"""

#: linux/capability.h
NAMES = {2: "CAP_DAC_READ_SEARCH", 19: "CAP_SYS_PTRACE", 38: "CAP_PERFMON", 39: "CAP_BPF"}


def status(pid):
    """Return the lines of /proc/PID/status as a dict."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


def capabilities(pid):
    """Return the names of the capabilities of a process."""
    mask = int(status(pid)["CapPrm"], 16)
    return {NAMES.get(number, str(number)) for number in range(64) if mask >> number & 1}


def ways_to_maps(pid):
    """Return the access modes of the descriptors of BPF maps that a process has."""
    infos = [path.read_text() for path in Path(f"/proc/{pid}/fdinfo").iterdir()]
    return [int(info.split("flags:")[1].split()[0], 8) & os.O_ACCMODE for info in infos if "map_type:" in info]


def knows(pid, text):
    """Return whether *text* is in the memory of a process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            ends, mode, *_ = line.split()
            begin, end = (int(number, 16) for number in ends.split("-"))
            with contextlib.suppress(OSError):  # it cannot be read
                if mode.startswith("rw") and text in os.pread(memory.fileno(), end - begin, begin):
                    return True
    return False


@pytest.fixture
def agent(start_agent, tmp_path):
    """Return an agent that waits for a mark."""
    (tmp_path / "rules.yaml").write_text(RULE)
    return start_agent(tmp_path / "rules.yaml")


def test_who_has_which_rights(agent, children, syscall_worker):
    """The worker neither traces nor loads BPF programs; the helper can trace; the loader can load, and has no rules."""
    worker = syscall_worker(agent.process.pid)
    (helper,) = children(worker)
    (loader,) = [pid for pid in children(agent.process.pid) if "CAP_PERFMON" in capabilities(pid)]

    assert set(drivers.capabilities({})) == capabilities(worker)
    assert {"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"} == capabilities(helper)
    assert {"CAP_BPF", "CAP_PERFMON", "CAP_DAC_READ_SEARCH"} == capabilities(loader)
    assert ["2", "2", "2"] == [status(pid)["Seccomp"] for pid in (worker, helper, loader)]
    users = {int(status(pid)["Uid"].split()[0]) for pid in (worker, helper)}
    assert 2 == len(users)
    assert not users & {0, 65534}
    assert 2 == ways_to_maps(worker).count(os.O_RDONLY), "the counters, also of what was lost, can only be read"
    assert [True, False] == [knows(pid, b"the-loader-does-not-know-this") for pid in (worker, loader)]


def test_a_helper_that_is_killed(agent, children, syscall_worker, tmp_path):
    """The source is opened again with another helper, and sees events."""
    worker = syscall_worker(agent.process.pid)
    (helper,) = children(worker)
    os.kill(helper, signal.SIGKILL)
    agent.wait_for_log(lambda log: "its helper 'proc' was killed by SIGKILL" in log)
    agent.wait_for_log(lambda log: "Event source 'syscall' is open again" in log)

    def marked():
        (tmp_path / "falcohost-mark").open("w").close()
        return any(alert["rule"] == "Marked" for alert in agent.alerts)

    wait_until(marked)

"""The process that an alert is about, as an action would look for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.subject import live_subject


@pytest.fixture
def own():
    """Return this process's id and when it began."""
    status = procfs.status(os.getpid())
    assert status is not None
    return os.getpid(), status.start


def test_a_process_that_runs(own):
    """It has the inode of its pid namespace, and pid and start as they were told."""
    found = live_subject(*own, 1, ())

    assert (*own, Path("/proc/self/ns/pid").stat().st_ino) == (found.pid, found.start, found.pidns)


@pytest.mark.parametrize("pid", ["ended", "another"])
def test_a_process_that_has_ended(own, pid):
    """Of one that is gone its namespace is not known, nor of one whose number another process has by now."""
    with subprocess.Popen(["/bin/true"]) as ended:
        pass
    found = live_subject(ended.pid if pid == "ended" else own[0], own[1] + 5_000_000_000, 1, ())

    assert found.pidns is None


def test_the_cgroup_is_its_folder(container_cgroup, own):
    """The id of a cgroup is the inode of its folder in the hierarchy of v2, where there is one."""
    mounts = map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"))
    mount = next((mount for mount in mounts if (mount / "cgroup.controllers").exists()), None)
    inside = mount is not None and container_cgroup.is_relative_to(mount)
    cgroups = ("cpu=/elsewhere", *([f"=/{container_cgroup.relative_to(mount)}"] if inside else []))
    expected = container_cgroup if inside else mount

    assert (expected.stat().st_ino if expected else None) == live_subject(*own, 2, cgroups).cgroup


def test_a_cgroup_that_is_gone(own):
    """A folder that is no longer there has no id."""
    assert None is live_subject(*own, 3, ("=/no-such-cgroup",)).cgroup

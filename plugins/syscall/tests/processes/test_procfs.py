"""Facts of a process that are read from /proc."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.boot_clock import TICK


def test_links():
    """A link of a process leads to its target; of a process that is not there it leads nowhere."""
    assert str(Path("/proc/self/exe").readlink()) == procfs.link(os.getpid(), "exe")
    assert procfs.link(1 << 30, "exe") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="making such a namespace takes root")
def test_mounts_of_its_own():
    """A process in a mount namespace of its own is told from others; one that has ended, or is another now, is none."""
    found = []
    for command in (["sleep", "100"], ["unshare", "--mount", "sleep", "100"]):
        with subprocess.Popen(command) as child:
            wait_until(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "sleep\n")
            start = procfs.status(child.pid).start
            found.append([procfs.has_other_mounts(child.pid, start + more) for more in (0, 10 * TICK)])
            child.kill()
    found.append([procfs.has_other_mounts(child.pid, start)])
    here = Path("/proc/self/ns/mnt").readlink() != Path("/proc/2/ns/mnt").readlink()

    assert [[here, False], [True, False], [False]] == found

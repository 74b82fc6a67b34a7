"""Facts of a process that are read from /proc."""

from __future__ import annotations

import os
from pathlib import Path

from falcohost_syscall.processes import procfs


def test_links():
    """A link of a process leads to its target; of a process that is not there it leads nowhere."""
    assert str(Path("/proc/self/exe").readlink()) == procfs.link(os.getpid(), "exe")
    assert procfs.link(1 << 30, "exe") is None

"""Finds the agent's other processes: those that its supervisor has forked and that still run the same program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from falcohost_syscall.processes import procfs


def siblings(supervisor: int) -> Iterator[int]:
    """Yield the pids of the children of *supervisor* that have its command line."""
    own = procfs.read(supervisor, "cmdline")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        status = procfs.status(pid)
        if status is not None and status.ppid == supervisor and own and procfs.read(pid, "cmdline") == own:
            yield pid

"""Finds the agent's other processes: those that descend from its supervisor and still run the same program."""

from __future__ import annotations

from collections.abc import Iterator

from falcohost_syscall.processes import procfs


def siblings(supervisor: int) -> Iterator[int]:
    """Yield the pids of the children of *supervisor* that have its command line, and of their helpers."""
    own = procfs.read(supervisor, "cmdline")
    facts = {pid: found for pid in procfs.READING.reader.pids() or () if (found := procfs.facts(pid)) is not None}
    same = {pid: found for pid, found in facts.items() if own and found.image is not None and found.image[0] == own}
    children = {pid for pid, found in same.items() if found.status.ppid == supervisor}
    yield from children
    yield from (pid for pid, found in same.items() if found.status.ppid in children)

"""A process as the subject of an alert: what an action needs to find it, or its cgroup, again."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from falcohost import ProcessSubject
from falcohost_syscall.processes import procfs

#: Where cgroup v2 is mounted: beside v1, or alone.
_MOUNTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")


def live_subject(pid: int, start: int, cgroups: Sequence[str]) -> ProcessSubject:
    """Return a process of this machine as a subject; *cgroups* are those of the event, as ``subsystem=path``.

    Its pid namespace is that of now, which cannot be another while it lives.
    """
    pidns = _inode(Path(f"/proc/{pid}/ns/pid"))
    return ProcessSubject(pid, start, pidns if procfs.same(pid, start) else None, _cgroup(cgroups))


def _cgroup(cgroups: Sequence[str]) -> int | None:
    """Return the id of the cgroup in the hierarchy of v2; paths at the root are not among *cgroups*."""
    mount = _mount()
    path = next((line.removeprefix("=") for line in cgroups if line.startswith("=")), "/")
    return None if mount is None else _inode(mount / path.lstrip("/"))


@functools.cache
def _mount() -> Path | None:
    return next((mount for mount in map(Path, _MOUNTS) if (mount / "cgroup.controllers").exists()), None)


def _inode(path: Path) -> int | None:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 (as told of, not resolved by us)
    except OSError:
        return None

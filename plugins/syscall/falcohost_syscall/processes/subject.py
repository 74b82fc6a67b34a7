"""Makes the subject of an alert from a process, so that an action can find the process or its cgroup again."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from falcohost import ProcessSubject
from falcohost_syscall.processes import procfs

#: Mount points of cgroup v2: beside v1, or alone.
_MOUNTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")


@functools.lru_cache(maxsize=1024)
def live_subject(pid: int, start: int, key: int, cgroups: tuple[str, ...]) -> ProcessSubject:
    """Return a process of this machine as a subject.

    Its pid namespace is read now; it cannot change while the process lives.

    :param cgroups: the cgroups of the event, as ``subsystem=path``; *key* identifies them.
    """
    return ProcessSubject(pid, start, procfs.pid_namespace(pid, start), _cgroup(key, cgroups))


@functools.lru_cache(maxsize=1024)
def _cgroup(key: int, cgroups: tuple[str, ...]) -> int | None:
    """Return the id of the cgroup in the v2 hierarchy; *cgroups* leaves out paths that are the root."""
    mount = _mount()
    path = next((line.removeprefix("=") for line in cgroups if line.startswith("=")), "/")
    return None if mount is None else _inode(f"{mount}/{path.lstrip('/')}")


@functools.cache
def _mount() -> str | None:
    return next((mount for mount in _MOUNTS if Path(mount, "cgroup.controllers").exists()), None)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 (a Path costs more than the call)
    except OSError:
        return None

"""What only root sees of processes and cgroups, for the process that acts on alerts: answers, and one open file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from falcohost.host.response.cgroups import FREEZE, folder, mount
from falcohost.host.response.processes import cgroup_of
from falcohost.host.response.protection import MOST_PATH, Image

_DELETED: Final = " (deleted)"


def image_of(pid: int) -> Image | None:
    """Return what process *pid* runs; None: it has ended, or that cannot be seen."""
    place = f"/proc/{pid}"
    try:
        file, namespace = os.stat(f"{place}/exe"), os.stat(f"{place}/ns/pid").st_ino  # noqa: PTH116
        return Image(file.st_dev, file.st_ino, _deleted(place, file), namespace)
    except (OSError, ValueError):
        return None


def _deleted(place: str, file: os.stat_result) -> str:
    """Return the path that the deleted program of a process had, if only root can have put it there."""
    path = os.readlink(f"{place}/exe")  # noqa: PTH115
    if file.st_nlink or file.st_uid or not path.endswith(_DELETED) or len(path) > MOST_PATH:
        return ""
    same = os.stat(f"{place}/ns/mnt").st_ino == os.stat("/proc/self/ns/mnt").st_ino  # noqa: PTH116
    return path.removesuffix(_DELETED) if same and path.isprintable() else ""


def open_freezer(path: str, cgroup: int) -> int:
    """Return the descriptor of what freezes the cgroup at *path*, if it has the number *cgroup*.

    :raises OSError: there is none, or it is one that this process itself is in; the text says so.
    """
    root, own = mount(), cgroup_of(os.getpid())
    parts = path.split("/")
    if root is None or own is None:
        raise OSError(0, "there are no cgroups of version 2")
    if not path.startswith("/") or path == "/" or ".." in parts or "." in parts:
        raise OSError(0, "this is the path of no cgroup that can be frozen")
    if own == path or own.startswith(f"{path}/"):
        raise OSError(0, "the agent itself is in this cgroup")
    return _opened(folder(root, path), cgroup)


def _opened(place: Path, cgroup: int) -> int:
    inside = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if os.fstat(inside).st_ino != cgroup:
            raise OSError(0, "another cgroup has this path by now")
        descriptor = os.open(FREEZE, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=inside)
    finally:
        os.close(inside)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "this cgroup cannot be frozen")
    return descriptor

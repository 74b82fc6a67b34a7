"""Cgroups of version 2: where they are, which processes they have, and whether they are frozen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from falcohost.host.kernel_files import read_kernel_file
from falcohost.regular import is_there

#: Where they are mounted: beside version 1, or alone.
MOUNTS: Final = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")

#: What freezes a cgroup, and what says whether it is.
FREEZE: Final = "cgroup.freeze"
EVENTS: Final = "cgroup.events"


def mount() -> Path | None:
    """Return where they are mounted; None: nowhere."""
    return next((Path(one) for one in MOUNTS if is_there(f"{one}/cgroup.controllers")), None)


def folder(root: Path, path: str) -> Path:
    """Return the folder of the cgroup at *path*, which begins with a slash."""
    return root / path.lstrip("/")


def path_of(root: Path, number: int, near: str | None = None) -> str | None:
    """Return the path of the cgroup with this *number*; None: there is none.

    :param near: the path at which it may well be.
    """
    if near is not None and _number(folder(root, near)) == number:
        return near
    for place, _, _ in os.walk(root):
        if _number(Path(place)) == number:
            return "/" + os.path.relpath(place, root).removeprefix(".").lstrip("/")
    return None


def members(root: Path, path: str) -> Iterator[int]:
    """Yield the processes in the cgroup at *path* and in those below it, as far as this process sees them."""
    for place, _, _ in os.walk(folder(root, path)):
        try:
            text = Path(place, "cgroup.procs").read_text()
        except OSError:
            continue  # it is gone, or has threads of its own
        yield from (int(line) for line in text.split() if line != "0")


def is_frozen(root: Path, path: str) -> bool:
    """Return whether all processes in the cgroup at *path* have stopped."""
    try:
        return b"frozen 1" in read_kernel_file(f"{root}/{path.lstrip('/')}/{EVENTS}").splitlines()
    except OSError:
        return False


def frozen(root: Path) -> Iterator[str]:
    """Yield the paths of the cgroups that somebody has frozen, without those that are in a frozen one."""
    for place, _, files in os.walk(root):
        try:
            if FREEZE in files and Path(place, FREEZE).read_text().strip() == "1":
                yield "/" + os.path.relpath(place, root)
        except OSError:
            continue


def thaw(root: Path, path: str) -> None:
    """Let the processes in the cgroup at *path* go on.

    :raises OSError: it cannot be thawed.
    """
    if ".." in path.split("/"):
        raise OSError(0, "this is the path of no cgroup")
    (folder(root, path) / FREEZE).write_text("0")


def _number(place: Path) -> int | None:
    try:
        return place.stat().st_ino
    except OSError:
        return None

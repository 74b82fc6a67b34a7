"""Processes that are frozen by a cgroup of their own, of version 1 or 2."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from falcohost.host.response.cgroups import FREEZE, mount
from falcohost.host.supervision.freezer import VERSION_1
from falcohost.testing.waiting import wait_until


def freezers() -> list[Path]:
    """Return the hierarchies of this machine that can freeze, that of version 1 first."""
    return [root for root in (VERSION_1, mount()) if root is not None and (root / "cgroup.procs").exists()]


@contextlib.contextmanager
def frozen(pid: int, root: Path) -> Iterator[None]:
    """Freeze the process by a new cgroup in the hierarchy at *root* until the end of the ``with`` block."""
    name, on, off = ("freezer.state", "FROZEN", "THAWED") if root == VERSION_1 else (FREEZE, "1", "0")
    group = root / f"falcohost-{os.urandom(4).hex()}\f"  # all characters but one may be in a name
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(pid))
        (group / name).write_text(on)
        yield
    finally:
        (group / name).write_text(off)
        wait_until(lambda: _removed(group))


def _removed(group: Path) -> bool:
    with contextlib.suppress(OSError):  # somebody is in there, still
        group.rmdir()
    return not group.exists()

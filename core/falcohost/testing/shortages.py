"""Takes from processes what the system or its limits give them: descriptors, and further processes."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from falcohost.testing.skips import skip_or_fail

#: Where cgroups may be that count processes, of version 1 and 2.
_HIERARCHIES: Final = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))


@contextlib.contextmanager
def no_free_descriptor(pid: int = 0, free: int = 0) -> Iterator[None]:
    """Let process *pid* (0: this one) open only *free* more files until the end of the ``with`` block."""
    if not pid:
        gc.collect()  # what is garbage may have some
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    own = f"/proc/{pid or 'self'}/fd"
    unused = (number for number in range(before[0]) if not os.path.lexists(f"{own}/{number}"))
    lowest = next(number for count, number in enumerate(unused) if count == free)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


class Counted:
    """A cgroup that can be kept from having further processes; *folder*: where it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def entering(self) -> tuple[str, ...]:
        """Return the beginning of a command that goes into it, and then executes the rest."""
        return "sh", "-c", f'echo $$ >{self.folder}/cgroup.procs; exec "$@"', "sh"

    def limit(self, more: int) -> None:
        """Let it have only so many *more* processes."""
        now = int((self.folder / "pids.current").read_text())
        (self.folder / "pids.max").write_text(str(now + more))

    def close(self) -> None:
        """Let it have no more processes than it has, and not even so many once one has ended."""
        (self.folder / "pids.max").write_text("1")

    def open(self) -> None:
        """Let it have as many as there can be."""
        (self.folder / "pids.max").write_text("max")


@contextlib.contextmanager
def counted() -> Iterator[Counted]:
    """Return a new cgroup that counts processes; it is removed in the end, when all of them have ended."""
    root = next((one for one in _HIERARCHIES if (one / "cgroup.procs").exists() and _can_count(one)), None)
    if root is None:
        skip_or_fail("bpf", "no cgroup that counts processes can be made below /sys/fs/cgroup")
    folder = root / f"falcohost-{os.urandom(4).hex()}"
    folder.mkdir()
    try:
        yield Counted(folder)
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            (root / "cgroup.procs").write_text(pid)
        folder.rmdir()


def _can_count(root: Path) -> bool:
    """Return whether cgroups below *root* count processes, and this process may make some."""
    own = root / "cgroup.subtree_control"
    return os.access(root / "cgroup.procs", os.W_OK) and (not own.exists() or "pids" in own.read_text().split())

"""Whether a process is frozen by its cgroup, and how it can be killed all the same."""

from __future__ import annotations

import contextlib
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

from falcohost.host.kernel_files import read_kernel_file
from falcohost.host.response.cgroups import is_frozen, mount

#: What has stopped such a process.
FROZEN: Final = "the freezer of its cgroup"

#: Where cgroups of version 1 are mounted that freeze, and what says whether one does.
VERSION_1: Final = Path("/sys/fs/cgroup/freezer")
_STATE: Final = "freezer.state"
_PROCESSES: Final = "cgroup.procs"

#: The cgroups that were last found not to be frozen, and when; in so many seconds they are not looked at again, since
#: most of the agent's processes, which are looked at in one turn, have the same.
_thawed: Final[dict[tuple[str | None, str | None], float]] = {}
_LASTS: Final = 0.1
#: What was read of the cgroups of a process, and when: several look at them in one turn.
_read: Final[dict[int, tuple[float, bytes]]] = {}
_MOST_READ: Final = 64


def is_held(pid: int) -> bool:
    """Return whether the process is frozen by a cgroup, of either version."""
    try:
        cgroups = _parsed(cgroups_of(pid))
    except OSError:
        return False
    now = time.monotonic()
    if now - _thawed.get(cgroups, -_LASTS) < _LASTS:
        return False
    if _are_frozen(*cgroups):
        return True
    _thawed.clear()
    _thawed[cgroups] = now
    return False


def cgroups_of(pid: int) -> bytes:
    """Return what ``/proc/PID/cgroup`` has, or had a moment ago.

    :raises OSError: the process has ended.
    """
    now = time.monotonic()
    when, found = _read.get(pid, (-_LASTS, b""))
    if now - when >= _LASTS:
        found = read_kernel_file(f"/proc/{pid}/cgroup")
        if len(_read) >= _MOST_READ:
            _read.clear()
        _read[pid] = now, found
    return found


def _are_frozen(version_1: str | None, version_2: str | None) -> bool:
    root = mount()
    if root is not None and version_2 is not None and is_frozen(root, version_2):
        return True
    try:
        return (
            version_1 is not None
            and read_kernel_file(f"{VERSION_1}/{version_1.lstrip('/')}/{_STATE}").strip() != b"THAWED"
        )
    except OSError:  # the root's has none
        return False


def let_die(pid: int) -> None:
    """Have a process die that was killed while it was frozen by version 1: it does once it is in another cgroup.

    One that is frozen by version 2 dies anyway. This process has to be let write there; otherwise nothing is done.
    """
    own, _ = _cgroups_of(os.getpid())
    if own is not None and _are_frozen(*_cgroups_of(pid)):  # it may have been frozen just now
        with contextlib.suppress(OSError):
            (_folder(own) / _PROCESSES).write_text(str(pid))


def _cgroups_of(pid: int) -> tuple[str | None, str | None]:
    """Return the paths of a process's cgroups: that of version 1 that may freeze it, and that of version 2."""
    try:
        return _parsed(read_kernel_file(f"/proc/{pid}/cgroup"))
    except OSError:
        return None, None


@lru_cache(maxsize=4)
def _parsed(cgroups: bytes) -> tuple[str | None, str | None]:
    version_1 = version_2 = None
    text = os.fsdecode(cgroups)
    for line in text.removesuffix("\n").split("\n"):  # the only character that no name of a cgroup has
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            version_2 = path
        elif "freezer" in controllers.split(","):
            version_1 = path
    return version_1, version_2


def _folder(path: str) -> Path:
    return VERSION_1 / path.lstrip("/")

"""Gives each process of the agent a user of its own, so that no other process may signal or trace it.

The users have no names: they are numbers from the range that systemd keeps for dynamic users (systemd.exec(5),
``DynamicUser=``), and are locked the way systemd locks them, so that neither a service nor a second agent gets the
same.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from falcohost.digest import blake2b
from falcohost.log import log

#: The users that are given where the configuration names no others.
DYNAMIC: Final = range(61184, 65520)

#: The user of all processes where no user of the range can be had (``nobody``).
NOBODY: Final = 65534

#: Where systemd locks dynamic users, and where falcohost locks them on a machine without systemd.
LOCKS: Final = (Path("/run/systemd/dynamic-uid"), Path("/run/falcohost/uids"))


class WorkerUsers(NamedTuple):
    """The users of a source's worker, loader, helpers and programs; None: that of the process that starts them."""

    worker: int | None = None
    loader: int | None = None
    helpers: int | None = None
    programs: int | None = None


class Users:
    """The users of one agent. A role (``source k8s_audit``) has the same user for as long as this process lives.

    :param uids: the range to choose from.
    :param agent: what distinguishes this agent from others on the machine; an agent and a role choose the same user
        again and again, as long as it is available.
    :param locks: the folders of locks; the first that exists or can be made is used.
    """

    def __init__(self, uids: range, agent: str, locks: tuple[Path, ...] = LOCKS, root: Path = Path("/")) -> None:
        self._uids = uids
        self._agent = agent
        self._locks = locks
        self._root = root
        self._given: dict[str, int | None] = {}
        self._taken: set[int] = set()
        self._delegated: list[range] = []
        self._held: list[int] = []

    def user(self, role: str) -> int | None:
        """Return the user of *role*, which is also the number of its group; None: this process cannot change its user.

        The lock is held until this process ends; forks have to close the descriptors that they inherit.
        """
        if role not in self._given:
            self._given[role] = self._choose(role)
        return self._given[role]

    def gave(self, user: int) -> bool:
        """Return whether *user* is one that only a process of this agent has."""
        return user != NOBODY and user in self._given.values()

    def of_source(self, name: str) -> WorkerUsers:
        """Return the users of the processes of the source *name*."""
        roles = (
            f"source {name}",
            f"loader of source {name}",
            f"helpers of source {name}",
            f"programs of source {name}",
        )
        return WorkerUsers(*map(self.user, roles))

    def _choose(self, role: str) -> int | None:
        if os.geteuid() != 0:
            if not self._given:
                log.info("Not running as root: all processes of the agent share the user %d", os.geteuid())
            return None
        mapped = _mapped(self._root)
        if not self._taken:
            self._taken = _accounts(self._root) | _running(self._root)
            self._delegated = _delegated(self._root)
        for uid in self._preferred(role):
            free = uid in mapped and uid not in self._taken and not any(uid in those for those in self._delegated)
            if free and self._lock(uid, role):
                self._taken.add(uid)
                return uid
        log.warning(
            "no uid from %d to %d is available for %s: it runs as nobody (%d), whose other processes may stop it; "
            "set falcohost.uids",
            self._uids[0],
            self._uids[-1],
            role,
            NOBODY,
        )
        return NOBODY

    def _preferred(self, role: str) -> Iterator[int]:
        """Yield all uids of the range, from one that only agent and role decide."""
        digest = blake2b(f"{self._agent}\0{role}".encode(errors="surrogateescape"), digest_size=8).digest()
        start = int.from_bytes(digest, "big") % len(self._uids)
        yield from self._uids[start:]
        yield from self._uids[:start]

    def _lock(self, uid: int, role: str) -> bool:
        """Lock *uid* for this process, and write down for what; return False if another process has locked it."""
        folder = self._folder()
        if folder is None:
            return True
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(folder / str(uid), flags, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink == 0:  # removed by its former owner meanwhile
                raise OSError
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"falcohost: {role}\n".encode(errors="replace"))
        except OSError:
            os.close(descriptor)
            return False
        self._held.append(descriptor)
        return True

    def _folder(self) -> Path | None:
        """Return the folder of locks; None if there can be none, as where ``/run`` is read-only."""
        for folder in self._locks:
            if folder.is_dir():
                return folder
        with contextlib.suppress(OSError):
            self._locks[-1].mkdir(mode=0o755, parents=True, exist_ok=True)
            return self._locks[-1]
        return None


def _mapped(root: Path) -> range:
    """Return the users that exist in this user namespace (user_namespaces(7)); the widest of its ranges."""
    try:
        lines = (root / "proc/self/uid_map").read_text().splitlines()
    except OSError:
        return range(1 << 32)
    found = [range(int(first), int(first) + int(count)) for first, _, count in map(str.split, lines)]
    return max(found, key=len, default=range(0))


def _accounts(root: Path) -> set[int]:
    """Return the users and groups that have a name in this machine's files."""
    found: set[int] = set()
    for name in ("etc/passwd", "etc/group"):
        with contextlib.suppress(OSError):
            for line in (root / name).read_text(errors="replace").splitlines():
                columns = line.split(":")
                if len(columns) > 2 and columns[2].isdecimal():
                    found.add(int(columns[2]))
    return found


def _delegated(root: Path) -> list[range]:
    """Return the users and groups that users may have in their own containers (subuid(5))."""
    found: list[range] = []
    for name in ("etc/subuid", "etc/subgid"):
        with contextlib.suppress(OSError):
            for line in (root / name).read_text(errors="replace").splitlines():
                first, _, count = line.partition(":")[2].partition(":")
                if first.isdecimal() and count.strip().isdecimal():
                    found.append(range(int(first), int(first) + int(count)))
    return found


def _running(root: Path) -> set[int]:
    """Return the users of all processes."""
    found: set[int] = set()
    folder = str(root / "proc")
    for name in filter(str.isdecimal, os.listdir(folder)):  # noqa: PTH208
        with contextlib.suppress(OSError, ValueError):
            status = _beginning(f"{folder}/{name}/status")
            found.update(map(int, status.partition(b"\nUid:")[2].partition(b"\n")[0].split()))
    return found


def _beginning(path: str) -> bytes:
    """Return the beginning of a file; of hundreds of thousands, since a file object takes 10 µs more for each."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)

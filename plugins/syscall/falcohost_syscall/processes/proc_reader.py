"""Reads ``/proc`` of other processes, which takes rights that what reads the kernel's records does not have.

In an agent this runs in a process of its own (:mod:`falcohost_syscall.processes.proc_helper`), elsewhere in this one.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

import msgspec

from falcohost_syscall.processes.open_files import link_type

if TYPE_CHECKING:
    from falcohost_syscall.processes.listing import Lister

#: What can be read of a process: the content of files, targets of links, and inodes of namespaces (as decimal numbers).
File: TypeAlias = Literal["stat", "status", "cmdline", "environ", "comm", "cgroup"]
Link: TypeAlias = Literal["exe", "cwd", "root"]
Namespace: TypeAlias = Literal["ns/pid", "ns/mnt"]
What: TypeAlias = File | Link | Namespace
#: A process: its pid, and when it was started, as ``/proc/PID/stat`` shows it.
Since: TypeAlias = tuple[int, int]

_LINKS: Final = frozenset({"exe", "cwd", "root"})
_NAMESPACES: Final = frozenset({"ns/pid", "ns/mnt"})

#: The files with accounts, below a root.
ACCOUNTS: Final = ("etc/passwd", "etc/group")

#: Most descriptors of a process that are looked at.
MOST_DESCRIPTORS: Final = 65536

# Where containerd keeps its running tasks, by namespace and id.
_TASKS: Final = tuple(
    f"/run/{run}/io.containerd.runtime.v2.task" for run in ("containerd", "k3s/containerd", "host-containerd")
)
# Where runc and crun keep the state of a container, by its name; below the others, by a namespace. What users have
# in folders of their own does not count: they could call any process of theirs a container.
_STATES: Final = ("/run/runc", "/run/crun")
_STATES_OF: Final = ("/run/containerd/runc", "/run/docker/runtime-runc", "/run/k3s/containerd/runc")
#: All of these folders.
STATES: Final = (*_STATES, *_STATES_OF)
_FILES: Final = ("state.json", "status")
_MOST_STATE: Final = 1 << 20
_CGROUPS: Final = "/sys/fs/cgroup"
_MOST_LEVELS: Final = 64
_HEX: Final = re.compile("[0-9a-f]{64}")
#: No user has this number.
GONE: Final = 0xFFFF_FFFF
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.+-]{0,127}")


class State(msgspec.Struct, frozen=True):
    """What runc (``state.json``) and crun (``status``) keep of a container, as far as it says where its cgroup is."""

    cgroup_paths: dict[str, str] = {}
    cgroup: str = msgspec.field(default="", name="cgroup-path")

    def is_at(self, path: str) -> bool:
        """Return whether this is its cgroup, in one of the hierarchies; an empty *path* is any."""
        for one in (self.cgroup, *self.cgroup_paths.values()):
            if one.endswith(path) and (not path or len(one) == len(path) or one.startswith(_CGROUPS)):
                return True
        return False


_state = msgspec.json.Decoder(State).decode


class ProcReader(Protocol):
    """Reads facts of processes. With a *start*, as ``/proc/PID/stat`` shows it, only those of the same process."""

    def read(self, pid: int, start: int | None, what: Sequence[What], most: int) -> list[bytes | None] | None:
        """Return the first *most* bytes of each of *what*, None for one that cannot be read; None: another process."""

    def read_each(self, processes: Sequence[Since], what: What, most: int) -> Iterator[bytes | None]:
        """Yield the first *most* bytes of *what* of each process; None: it cannot be read, or is another process's."""

    def descriptor(self, pid: int, start: int, number: int) -> tuple[str, bytes] | None:
        """Return type and target of a descriptor, or None."""

    def descriptors(self, pid: int) -> list[str]:
        """Return the types of all descriptors, each once."""

    def pids(self) -> frozenset[int] | None:
        """Return the running processes; None: not known."""

    def listed(self, tid: int) -> list[bytes | None] | None:
        """Return what :meth:`falcohost_syscall.processes.listing.Lister.listed` returns for a thread; None: unknown."""

    def accounts(self, pid: int, start: int, known: bytes) -> list[bytes | None] | None:
        """Return the state of ``/etc/passwd`` and ``/etc/group`` below the root of a process, and their contents.

        Only the state, if that is *known*. None: another process, or one with the root of this one.
        """

    def has_container(self, namespace: str, name: str, path: str) -> bool:
        """Return whether a runtime has a container with this *name*, and the cgroup *path* (empty: any).

        :param namespace: containerd's, for one of its tasks; empty: the runtime has none.
        """

    def may_name(self, path: str) -> int:
        """Return the user who may name cgroups beside the cgroup *path*; 0: only root, or it is not known.

        :data:`GONE`: the cgroup above is gone, whoever had it.
        """


class Here:
    """Reads with the rights of this process (:class:`ProcReader`)."""

    def __init__(self) -> None:
        self._lister: Lister | None = None

    def read(self, pid: int, start: int | None, what: Sequence[What], most: int) -> list[bytes | None] | None:
        """Return what is asked for."""
        found = [_read(pid, one, most) for one in what]
        return found if start is None or start_of(_read(pid, "stat", most)) == start else None

    def read_each(self, processes: Sequence[Since], what: What, most: int) -> Iterator[bytes | None]:
        """Yield what is asked for of each process."""
        for pid, start in processes:
            found = self.read(pid, start, (what,), most)
            yield found[0] if found else None

    def descriptor(self, pid: int, start: int, number: int) -> tuple[str, bytes] | None:
        """Return type and target of a descriptor, or None."""
        target = _link(f"/proc/{pid}/fd/{number}")
        if target is None or start_of(_read(pid, "stat", 4096)) != start:
            return None
        return link_type(pid, number, os.fsdecode(target)), target

    def descriptors(self, pid: int) -> list[str]:
        """Return the types of all descriptors, each once."""
        targets: dict[bytes, int] = {}
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for _, entry in zip(range(MOST_DESCRIPTORS), entries, strict=False):
                if (target := _link(entry.path)) is not None:
                    targets[target] = int(entry.name)
        return sorted({link_type(pid, number, os.fsdecode(target)) for target, number in targets.items()})

    def pids(self) -> frozenset[int]:
        """Return the running processes."""
        return frozenset(int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208

    def listed(self, tid: int) -> list[bytes | None] | None:
        """Return the lists of the process of a thread."""
        if self._lister is None:
            from falcohost_syscall.processes.listing import Lister  # few drivers need it

            self._lister = Lister()
        return self._lister.listed(tid)

    def accounts(self, pid: int, start: int, known: bytes) -> list[bytes | None] | None:
        """Return the state of ``/etc/passwd`` and ``/etc/group`` below the root of a process, and their contents.

        Only the state, if that is *known*. None: another process, or one with the root of this one.
        """
        from falcohost_syscall.processes import rooted  # only where processes have a root of their own

        with contextlib.suppress(OSError), rooted.root_of(pid) as root:
            if start_of(_read(pid, "stat", 4096)) == start:
                return rooted.read_all(root, ACCOUNTS, known)
        return None

    def has_container(self, namespace: str, name: str, path: str) -> bool:
        """Return whether a runtime has a container with this *name*, and the cgroup *path* (empty: any).

        :param namespace: containerd's, for one of its tasks; empty: the runtime has none.
        """
        if not _NAME.fullmatch(name):
            return False
        with contextlib.suppress(OSError):
            if namespace:
                return bool(_NAME.fullmatch(namespace)) and _is_task(namespace, name, path)
            return any(_is_at(state, path) for state in _states(name))
        return False

    def may_name(self, path: str) -> int:
        """Return the user who may name cgroups beside the cgroup *path*; 0: only root, or it is not known.

        That is who has the cgroup above; where that is gone already, the next one above it that there is, or
        :data:`GONE` if that is root's.
        """
        above, folders = path, [*_hierarchies()] if "/../" not in f"{path}/" else []
        for level in range(_MOST_LEVELS if folders else 0):
            above = above.rpartition("/")[0]
            if owners := [*_owners(folders, above)]:
                return max(owners) or (GONE if level else 0)
        return 0


def _hierarchies() -> Iterator[str]:
    """Yield where cgroups are: in the one hierarchy of version 2, or in several."""
    yield _CGROUPS
    with contextlib.suppress(OSError), os.scandir(_CGROUPS) as entries:
        yield from (entry.path for entry in entries if os.path.ismount(entry.path))


def _owners(folders: Sequence[str], path: str) -> Iterator[int]:
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):
            yield os.stat(f"{folder}{path}").st_uid  # noqa: PTH116 (a Path costs more than the call)


# Paths are texts here: pathlib interns each part of a path, also the name of what there is no container of, and with
# thousands of names Python makes its table of 2 MB anew, which no longer is the one that all processes share.
def _is_task(namespace: str, name: str, path: str) -> bool:
    states = (f"{folder}/{namespace}/{name}" for folder in _STATES_OF)
    tasks = (f"{folder}/{namespace}/{name}" for folder in _TASKS)
    return any(map(os.path.isdir, tasks)) or any(_is_at(one, path) for one in states)


def _states(name: str) -> Iterator[str]:
    """Yield the folders in which runtimes may keep the state of the container *name*.

    Containers in namespaces have ids of 64 digits, or a cgroup with the namespace in its name.
    """
    yield from (f"{folder}/{name}" for folder in _STATES)
    for parent in _STATES_OF if _HEX.fullmatch(name) else ():
        with contextlib.suppress(OSError):
            yield from (f"{parent}/{namespace}/{name}" for namespace in os.listdir(parent))  # noqa: PTH208


def _is_at(folder: str, path: str) -> bool:
    """Return whether the state in *folder* says that the container's cgroup is *path*."""
    for file in _FILES:
        with contextlib.suppress(OSError, ValueError), open(f"{folder}/{file}", "rb") as state:  # noqa: PTH123
            return _state(state.read(_MOST_STATE)).is_at(path)
    return False


def since(pid: int) -> int:
    """Return when a process was started, as ``/proc/PID/stat`` shows it; 0: it has ended. Takes no rights."""
    return start_of(_read(pid, "stat", 4096)) or 0


def start_of(stat: bytes | None) -> int | None:
    """Return the start time in the content of ``/proc/PID/stat``."""
    words = [] if stat is None else stat.rpartition(b")")[2].split()
    return int(words[19]) if len(words) > 19 else None


def _read(pid: int, what: What, most: int) -> bytes | None:
    if what in _LINKS:
        return _link(f"/proc/{pid}/{what}")
    if what in _NAMESPACES:
        try:
            return str(os.stat(f"/proc/{pid}/{what}").st_ino).encode()  # noqa: PTH116 (a Path costs more than the call)
        except OSError:
            return None
    try:
        fd = os.open(f"/proc/{pid}/{what}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    data = b""
    try:
        while len(data) < most and (more := os.read(fd, most - len(data))):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(fd)


def _link(path: str) -> bytes | None:
    try:
        return os.fsencode(os.readlink(path))  # noqa: PTH115 (a Path costs more than the call)
    except OSError:
        return None

"""Recognizes the container of a process by the names that container runtimes give to cgroups.

Only the names of known runtimes count; a cgroup whose name merely contains a hexadecimal number is no container. The
runtimes, their order and their names are those of Falco's container plugin. The runtimes themselves are not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from falcohost_syscall.processes.procfs import READING
from falcohost_syscall.processes.table import Process

#: Number of cgroups whose container is remembered.
LIMIT = 16_384


class Container(Struct, frozen=True):
    """A container, or the host; *type* is the runtime's name."""

    id: str
    full_id: str
    type: str

    @property
    def is_host(self) -> bool:
        """Whether this is the host."""
        return self.type == "host"


HOST = Container("host", "host", "host")

_HEX = "([0-9a-f]{64})"
# The runtime, then the possible prefixes and suffixes around 64 hexadecimal digits.
_HASHES = (
    ("podman", ("/libpod-",), (".scope", ".scope/container", "")),
    ("podman", ("/libpod-payload-",), (".scope", ".scope/container", "")),
    ("docker", ("/",), ("",)),
    ("docker", ("/docker-",), (".scope",)),
    ("cri", ("/", "/crio-", ":cri-containerd:"), ("",)),
    ("cri", ("/cri-containerd-", "/crio-", "/docker-", "/nerdctl-"), (".scope",)),
)
_PATTERNS = tuple(
    (runtime, re.compile(f"{re.escape(prefix)}{_HEX}{re.escape(suffix)}$"))
    for runtime, prefixes, suffixes in _HASHES
    for prefix in prefixes
    for suffix in suffixes
)
# ctr puts a task right below its namespace, under a name that the user chose; many other cgroups look the same.
_CTR = re.compile(r"^/([A-Za-z0-9][\w.-]*)/([A-Za-z0-9][\w.-]{0,63})$")
_UNITS = (".service", ".slice", ".scope")
# The program that is the parent of the first process of each of containerd's tasks.
_SHIM = "containerd-shim"
_LXC = re.compile(r"/(?:lxc/|lxc\.payload/|lxc\.payload\.)([^/]+)")
_LIBVIRT_NAMES = (
    re.compile(r"/machine\.slice/machine-lxc\\x2d(?:\d+\\x2d)?([^/]+?)\.scope"),
    re.compile(r"/(?:libvirt/lxc/)([^/]+)"),
    re.compile(r"/([^/]+)\.libvirt-lxc"),
)
_BPM = re.compile(r"/bpm-([^/]+)\.scope$|/bpm/([^/]+)")


class Task(NamedTuple):
    """What containerd would call the task behind a cgroup, if it is one."""

    namespace: str
    name: str

    @property
    def container(self) -> Container:
        """The container that the task is."""
        return Container(self.name[:12], self.name, "containerd")

    def is_below(self, ancestors: Iterable[Process]) -> bool:
        """Return whether one of *ancestors* is containerd's shim for the task."""
        return any(
            PurePosixPath(one.image.exepath).name.startswith(_SHIM)
            and _option(one.image.argv, "-namespace") == self.namespace
            and _option(one.image.argv, "-id") == self.name
            for one in ancestors
        )


def _option(arguments: tuple[str, ...], name: str) -> str | None:
    """Return the argument after *name*."""
    return next((value for option, value in pairwise(arguments) if option == name), None)


def containerd_has(namespace: str, name: str) -> bool:
    """Return whether containerd runs a task *name* in *namespace*."""
    return READING.reader.has_task(namespace, name)


def task_at(path: str) -> Task | None:
    """Return the task that ctr would put at the cgroup *path*; many cgroups that are none look the same."""
    match = _CTR.match(path)
    return Task(match[1], match[2]) if match and not match[2].endswith(_UNITS) else None


def from_path(path: str) -> Container | None:
    """Return the container to which the cgroup *path* belongs by its name, or None; tasks of ctr are not told so."""
    for runtime, pattern in _PATTERNS:
        if match := pattern.search(path):
            return Container(match[1][:12], match[1], runtime)
    return _lxc(path) or _libvirt(path) or _bpm(path)


def _lxc(path: str) -> Container | None:
    match = _LXC.search(path)
    return Container(match[1], match[1], "lxc") if match else None


def _libvirt(path: str) -> Container | None:
    for pattern in _LIBVIRT_NAMES:
        if match := pattern.search(path):
            return Container(match[1], match[1], "libvirt_lxc")
    return None


def _bpm(path: str) -> Container | None:
    match = _BPM.search(path)
    if match is None:
        return None
    name = match[1] or match[2]
    return Container(name, name, "bpm")


#: The cgroups behind keys, as ``subsystem=path``.
Cgroups: TypeAlias = dict[int, tuple[str, ...]]


class Containers:
    """Remembers the cgroups and the container behind each key of a task's cgroups.

    Whether a cgroup is that of a task of ctr is asked when its paths are told. The task may have ended by then; what is
    not running is decided when a process of the cgroup is at hand, by its ancestors.

    :ivar on_found: gets each key and its container, once that is known.
    :ivar undecided: the keys whose container is not known yet.
    """

    def __init__(self, is_task: Callable[[str, str], bool] = containerd_has) -> None:
        """Ask *is_task* whether containerd runs a task with this namespace and name."""
        self.on_found: Callable[[int, Container], object] = lambda key, container: None
        self._is_task = is_task
        self._known: dict[int, tuple[Container, tuple[str, ...]]] = {}
        self.undecided: dict[int, Task] = {}

    def learn(self, key: int, cgroups: Iterable[str]) -> None:
        """Remember the *cgroups* (``subsystem=path``) behind *key*."""
        lines = tuple(cgroups)
        self.undecided.pop(key, None)
        if len(self._known) >= LIMIT:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self.undecided.pop(oldest, None)
        ended: Task | None = None
        for path in (line.partition("=")[2] for line in lines):
            task = task_at(path)
            found = from_path(path)
            if found is None and task is not None and self._is_task(*task):
                found = task.container
            if found is not None:
                self._find(key, found, lines)
                return
            ended = ended or task
        if ended is None:
            self._find(key, HOST, lines)
        else:
            self._known[key] = (HOST, lines)
            self.undecided[key] = ended

    def decide(self, key: int, process: Process) -> None:
        """Decide what container is behind *key*, one of :attr:`undecided`, in whose cgroups *process* is."""
        task = self.undecided.pop(key)
        self._find(key, task.container if task.is_below(process.ancestors()) else HOST, self.cgroups(key))

    def get(self, key: int) -> Container:
        """Return the container behind *key*; the host if the key is unknown, or no process has decided it."""
        known = self._known.get(key)
        return known[0] if known else HOST

    def known(self) -> Cgroups:
        """Return the cgroups behind all keys."""
        return {key: lines for key, (_, lines) in self._known.items()}

    def cgroups(self, key: int) -> tuple[str, ...]:
        """Return the cgroups behind *key* as ``subsystem=path``."""
        known = self._known.get(key)
        return known[1] if known else ()

    def _find(self, key: int, container: Container, cgroups: tuple[str, ...]) -> None:
        self._known[key] = (container, cgroups)
        self.on_found(key, container)

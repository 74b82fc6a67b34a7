"""Recognizes the container of a process by the names that container runtimes give to cgroups.

Only the names of known runtimes count; a cgroup whose name merely contains a hexadecimal number is no container. The
runtimes, their order and their names are those of Falco's container plugin. The runtimes themselves are not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import Struct

from falcohost_syscall.processes.procfs import READING

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
_LXC = re.compile(r"/(?:lxc/|lxc\.payload/|lxc\.payload\.)([^/]+)")
_LIBVIRT_NAMES = (
    re.compile(r"/machine\.slice/machine-lxc\\x2d(?:\d+\\x2d)?([^/]+?)\.scope"),
    re.compile(r"/(?:libvirt/lxc/)([^/]+)"),
    re.compile(r"/([^/]+)\.libvirt-lxc"),
)
_BPM = re.compile(r"/bpm-([^/]+)\.scope$|/bpm/([^/]+)")


def containerd_has(namespace: str, name: str) -> bool:
    """Return whether containerd runs a task *name* in *namespace*."""
    return READING.reader.has_task(namespace, name)


def from_path(path: str, is_task: Callable[[str, str], bool] = containerd_has) -> Container | None:
    """Return the container to which the cgroup *path* belongs, or None.

    The path of a task that ctr started looks like any other path of two levels, so *is_task* decides about those.
    """
    for runtime, pattern in _PATTERNS:
        if match := pattern.search(path):
            return Container(match[1][:12], match[1], runtime)
    match = _CTR.match(path)
    if match and not match[2].endswith(_UNITS) and is_task(match[1], match[2]):
        return Container(match[2][:12], match[2], "containerd")
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
    """Remembers the cgroups and the container behind each key of a task's cgroups."""

    def __init__(self, is_task: Callable[[str, str], bool] = containerd_has) -> None:
        """Distinguish containers of ctr from other cgroups with *is_task* (see :func:`from_path`)."""
        self._is_task = is_task
        self._known: dict[int, tuple[Container, tuple[str, ...]]] = {}

    def learn(self, key: int, cgroups: Iterable[str]) -> Container:
        """Remember the *cgroups* (``subsystem=path``) behind *key*; return the container that they belong to."""
        lines = tuple(cgroups)
        container = HOST
        for line in lines:
            if found := from_path(line.partition("=")[2], self._is_task):
                container = found
                break
        if len(self._known) >= LIMIT:
            del self._known[next(iter(self._known))]
        self._known[key] = (container, lines)
        return container

    def get(self, key: int) -> Container:
        """Return the container behind *key*, or the host if the key is unknown."""
        known = self._known.get(key)
        return known[0] if known else HOST

    def known(self) -> Cgroups:
        """Return the cgroups behind all keys."""
        return {key: lines for key, (_, lines) in self._known.items()}

    def cgroups(self, key: int) -> tuple[str, ...]:
        """Return the cgroups behind *key* as ``subsystem=path``."""
        known = self._known.get(key)
        return known[1] if known else ()

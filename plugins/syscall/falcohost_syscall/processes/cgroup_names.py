"""Recognizes the container of a process by the names that container runtimes give to cgroups.

What runs in a cgroup below that of a container is in this container. A cgroup whose name merely contains a hexadecimal
number is no container: the runtime's own name has to stand beside it, or a runtime of this machine has to know it.
Nothing is asked here of runtimes and of ``/proc``: see :mod:`falcohost_syscall.processes.containers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec import Struct

from falcohost_syscall.processes.table import Process

#: Most levels of a path that are looked at, at either end. Who is root in a container may make as many as they like in
#: it, so that the innermost are not enough, and as few above it as on any machine.
DEPTH = 16

#: From so many levels and bytes on, a path may lack its beginning: the kernel's program tells the end of a longer one.
CUT: Final = 64
CUT_BYTES: Final = 3500


class Container(Struct, frozen=True):
    """A container, or the host; *type* is the runtime's name.

    :ivar outer: the container that it is in, as ``type/full_id``, or the user who names cgroups there, as ``user/uid``;
        empty: it is in none, and root has named its cgroup.
    """

    id: str
    full_id: str
    type: str
    outer: str = ""

    @property
    def is_host(self) -> bool:
        """Whether this is the host."""
        return self.type == "host"


HOST = Container("host", "host", "host")

#: The container of a process with a pid or a mount namespace of its own whose paths nobody can tell, not even the
#: kernel: they are longer than 4,096 bytes.
UNKNOWN = Container("unknown", "unknown", "unknown")

_HEX = "([0-9a-f]{64})"
# The runtime, then the possible ends of a path around 64 hexadecimal digits. Where these stand alone, the cgroup above
# has to be one in which the runtime puts its containers: anybody may name a cgroup so.
_ENDS = (
    ("podman", "/libpod-(?:payload-)?", "(?:\\.scope(?:/container)?)?"),
    ("docker", "/(?:docker|buildkit)/", ""),
    ("docker", "/docker-", "\\.scope"),
    ("cri", "(?:/crio-|:cri-containerd:)", ""),
    ("cri", "/(?:cri-containerd|crio|nerdctl)-", "\\.scope"),
    ("cri", "/kubepods(?:/[a-z]+)?/pod[0-9a-f-]+/", ""),
    ("cri", "/k8s\\.io/", ""),
)
_PATTERNS = tuple((runtime, re.compile(f"{before}{_HEX}{after}$")) for runtime, before, after in _ENDS)
_NAMES = tuple(
    (runtime, re.compile(pattern + "$"))
    for runtime, pattern in (
        ("lxc", r"/(?:lxc/|lxc\.payload/|lxc\.payload\.)([^/]+)"),
        ("libvirt_lxc", r"/machine\.slice/machine-lxc\\x2d(?:\d+\\x2d)?([^/]+?)\.scope"),
        ("libvirt_lxc", r"/libvirt/lxc/([^/]+)"),
        ("libvirt_lxc", r"/([^/]+)\.libvirt-lxc"),
        ("systemd-nspawn", r"/machine\.slice/systemd-nspawn@([^/]+)\.service"),
        ("systemd-nspawn", r"/machine\.slice/machine-(?!qemu\\x2d|lxc\\x2d)([^/]+)\.scope"),
        ("bpm", r"/bpm-([^/]+)\.scope"),
        ("bpm", r"/bpm/([^/]+)"),
    )
)
# systemd writes other characters than letters, digits and a few as \xNN in names of units.
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
# ctr puts a task right below its namespace, under a name that the user chose; many other cgroups look the same.
_CTR = re.compile(r"^/([A-Za-z0-9][\w.-]{0,75})/([A-Za-z0-9][\w.-]{0,63})$", re.ASCII)
# runc and crun put a container below the cgroup of who starts them, or into a scope, under a name that the user chose.
_BARE = re.compile(
    r"/(?:(?:runc|crun)-(?P<scope>[\w+.-]{1,128})\.scope|(?P<name>[A-Za-z0-9][\w+.-]{0,127}))$", re.ASCII
)
# Below it, systemd lets a user name cgroups at will.
OF_USER = re.compile(r"/user@([1-9][0-9]*)\.service/")
_UNITS = (".service", ".slice", ".scope", ".mount", ".socket", ".swap")
# The programs that are the parent of the first process: of a task of containerd, of a container of runc or crun.
_SHIM = "containerd-shim"
_RUNTIMES = frozenset({"runc", "crun", "youki", "conmon"})
_INSTALLED = ("/usr/", "/bin/", "/sbin/", "/opt/", "/snap/", "/var/lib/rancher/")
# docker's containers are tasks of this namespace.
_DOCKER = "moby"


class Claim(NamedTuple):
    """A container that a cgroup may be that of, by its name; many cgroups that are none look the same.

    :ivar namespace: containerd's, for a task of ctr; empty: a container of a runtime without one.
    :ivar path: the path of its cgroup; empty: it may be anywhere.
    """

    namespace: str
    name: str
    path: str

    @property
    def container(self) -> Container:
        """The container that it is."""
        if self.namespace:
            return Container(self.name[:12], self.name, "containerd")
        kind = "docker" if re.fullmatch(_HEX, self.name) else "runc"
        return Container(self.name[:12], self.name, kind)

    def is_below(self, ancestors: Iterable[Process]) -> bool:
        """Return whether one of *ancestors* is the program that has started the container.

        Users can have a program look like any other, so that this says nothing of cgroups that are theirs.
        """
        return any(self._was_started_by(one) for one in ancestors)

    def _was_started_by(self, process: Process) -> bool:
        argv, program = process.image.argv, _program(process)
        if program.startswith(_SHIM):
            namespace = self.namespace or _DOCKER
            return (_option(argv, "-namespace"), _option(argv, "-id")) == (namespace, self.name)
        return not self.namespace and program in _RUNTIMES and self.name in argv[1:]


def _program(process: Process) -> str:
    """Return the name of the installed program that *process* runs; empty: it is another.

    crun and older runc execute a copy of themselves, in memory or in a mount that is nowhere, so that no container can
    change the file. Only the arguments have the name of such a program.
    """
    image, path = process.image, process.image.exepath
    if image.from_memfd or path == "/":
        program = _last_part(image.argv[0]) if image.argv else ""
        return program if program in _RUNTIMES else ""
    return _last_part(path) if path.startswith(_INSTALLED) else ""


def _last_part(path: str) -> str:
    # Not by pathlib, which interns each part; with many of them Python makes its table of 2 MB anew.
    return path.rpartition("/")[2]


def is_in_namespace(process: Process) -> bool:
    """Return whether *process* has been seen to run in a pid namespace of its own, by the number of its group there."""
    _, group, _, inner_group, _ = process.session
    return group != inner_group


def _option(arguments: tuple[str, ...], name: str) -> str | None:
    """Return the argument after *name*."""
    return next((value for option, value in pairwise(arguments) if option == name), None)


def claims_of(path: str) -> Iterator[Claim]:
    """Yield what *path* may be the cgroup of, or below the cgroup of, innermost first; nothing is called ``host``."""
    return (claim for claim in _all_claims(path) if claim.name != HOST.id)


def _all_claims(path: str) -> Iterator[Claim]:
    for one in upwards(path):
        if (match := _CTR.match(one)) and not match[2].endswith(_UNITS):
            yield Claim(match[1], match[2], one)
        if (match := _BARE.search(one)) and (match["scope"] or not match["name"].endswith(_UNITS)):
            yield Claim("", match["scope"] or match["name"], one)


def claims_below(path: str, at: str) -> Iterator[Claim]:
    """Yield what *path* may be the cgroup of, or below the cgroup of, in the container whose cgroup is *at*."""
    if path.startswith(f"{at}/"):
        for claim in claims_of(path[len(at) :]):
            yield claim._replace(path=at + claim.path)


def upwards(path: str) -> Iterator[str]:
    """Yield *path* and those above it, innermost first; of a deep one, :data:`DEPTH` at each end."""
    levels = path.count("/") if path != "/" else 0
    for level in range(levels):
        if not DEPTH <= level < levels - DEPTH:
            yield path
        path = path.rpartition("/")[0]


def is_cut(path: str) -> bool:
    """Return whether the beginning of *path* may be missing, and with it the container's cgroup or the user's."""
    return path.count("/") >= CUT or len(path.encode()) >= CUT_BYTES


def from_path(path: str) -> Container | None:
    """Return the innermost container in whose cgroup *path* is, by the names of cgroups; None: none is named so."""
    return next((found for _, found in all_named(path)), None)


def all_named(path: str) -> Iterator[tuple[str, Container]]:
    """Yield all such containers with their cgroups, innermost first; one may have several."""
    for one in upwards(path):
        if (found := _named(one)) is not None:
            yield one, found


def _named(path: str) -> Container | None:
    for runtime, pattern in _PATTERNS:
        if match := pattern.search(path):
            return Container(match[1][:12], match[1], runtime)
    for runtime, pattern in _NAMES:
        if match := pattern.search(path):
            name = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), match[1])
            if name != HOST.id:  # it would be outside of containers for rules
                return Container(name, name, runtime)
    return None

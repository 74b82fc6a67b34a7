"""Recognizes the container of a process by the names that container runtimes give to cgroups.

What runs in a cgroup below that of a container is in this container. A cgroup whose name merely contains a hexadecimal
number is no container: the runtime's own name has to stand beside it, or a runtime of this machine has to know it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Set
from itertools import islice, pairwise
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.cgroup_table import Cgroups, CgroupTable
from falcohost_syscall.processes.proc_reader import GONE
from falcohost_syscall.processes.procfs import READING
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
_OF_USER = re.compile(r"/user@([1-9][0-9]*)\.service/")
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


def _is_in_namespace(process: Process) -> bool:
    """Return whether *process* has been seen to run in a pid namespace of its own, by the number of its group there."""
    _, group, _, inner_group, _ = process.session
    return group != inner_group


def _option(arguments: tuple[str, ...], name: str) -> str | None:
    """Return the argument after *name*."""
    return next((value for option, value in pairwise(arguments) if option == name), None)


def runtime_has(claim: Claim) -> bool:
    """Return whether a runtime of this machine has the container, by what it keeps in ``/run``."""
    return READING.reader.has_container(claim.namespace, claim.name, claim.path)


def may_name(path: str) -> int:
    """Return the user who may name cgroups beside the cgroup *path*; 0: only root, or it is not known; or GONE."""
    return READING.reader.may_name(path)


def paths_now(process: Process) -> tuple[str, ...]:
    """Return the paths of the cgroups that a process is in now, whole; none: it has ended, or one is too long."""
    found = procfs.read_if_same(process.pid, process.start, "cgroup", MOST_READ)
    lines = found.decode(errors="backslashreplace").splitlines()
    return tuple(dict.fromkeys(line.split(":", 2)[2] for line in lines if line.count(":") > 1))


def is_apart(process: Process) -> bool:
    """Return whether a process has mounts of its own, as all containers do, also one with the machine's processes."""
    return procfs.has_other_mounts(process.pid, process.start)


def claims_of(path: str) -> Iterator[Claim]:
    """Yield what *path* may be the cgroup of, or below the cgroup of, innermost first; nothing is called ``host``."""
    return (claim for claim in _all_claims(path) if claim.name != HOST.id)


def _all_claims(path: str) -> Iterator[Claim]:
    for one in _upwards(path):
        if (match := _CTR.match(one)) and not match[2].endswith(_UNITS):
            yield Claim(match[1], match[2], one)
        if (match := _BARE.search(one)) and (match["scope"] or not match["name"].endswith(_UNITS)):
            yield Claim("", match["scope"] or match["name"], one)


def _claims_below(path: str, at: str) -> Iterator[Claim]:
    """Yield what *path* may be the cgroup of, or below the cgroup of, in the container whose cgroup is *at*."""
    if path.startswith(f"{at}/"):
        for claim in claims_of(path[len(at) :]):
            yield claim._replace(path=at + claim.path)


def _upwards(path: str) -> Iterator[str]:
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
    return next((found for _, found in _all_named(path)), None)


def _all_named(path: str) -> Iterator[tuple[str, Container]]:
    """Yield all such containers with their cgroups, innermost first; one may have several."""
    for one in _upwards(path):
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


class _User(NamedTuple):
    """A user who may name cgroups; *above*: the path of a cgroup around those.

    Without a *uid*, the one above is gone with whoever had it.
    """

    uid: str
    above: str


_NOBODY: Final = _User("", "")


#: What a cgroup may be that of.
Claims: TypeAlias = tuple[Claim, ...]

#: Containers with their cgroups, innermost first.
Named: TypeAlias = list[tuple[str, Container]]

#: Most of them that are asked for, and most ancestors.
MOST_CLAIMS: Final = 8
MOST_ASKED: Final = 16

#: Most bytes of a process's list of cgroups: a dozen paths, none of which is longer than 4,096.
MOST_READ: Final = 1 << 16


@functools.lru_cache(1024)
def _shared(line: str) -> str:
    """Return the one object for equal lines: of a dozen hierarchies of version 1, most have the same cgroup for all."""
    return line


class Containers:
    """Remembers the cgroups and the container behind each key of a task's cgroups.

    Whether a runtime has a container of a cgroup's name is asked when its paths are told. The container may have ended
    by then, or its state may come later; what no runtime has is decided when a process of the cgroup is at hand, by its
    ancestors, or by another question. Of containers of bare runtimes in a container, no runtime of this machine knows:
    there only programs of a pid namespace that is not the machine's can be the ones that have started them.

    :ivar on_found: gets each key and its container, once that is known.
    :ivar undecided: the keys whose container is not known yet.
    :ivar used: returns the keys of processes that run, which are forgotten last.
    """

    def __init__(
        self,
        exists: Callable[[Claim], bool] = runtime_has,
        owner: Callable[[str], int] = may_name,
        paths: Callable[[Process], tuple[str, ...]] = paths_now,
        is_apart: Callable[[Process], bool] = is_apart,
    ) -> None:
        """Ask *exists* whether a runtime has a container whose cgroup has this name, *owner* who may name it.

        :param paths: returns the whole paths of what a process is in, if what was told of them lacks the beginning.
        :param is_apart: returns whether it sees other files than the machine, where nobody can tell these.
        """
        self.used: Callable[[], Set[int]] = frozenset
        self.on_found: Callable[[int, Container], object] = lambda key, container: None
        self._exists = exists
        self._owner = owner
        self._paths = paths
        self._is_apart = is_apart
        self._known = CgroupTable(HOST)
        self.undecided: dict[int, Claims] = {}

    def learn(self, key: int, cgroups: Iterable[str]) -> None:
        """Remember the *cgroups* (``subsystem=path``) behind *key*."""
        lines = tuple(map(_shared, cgroups))
        told = tuple(dict.fromkeys(line.partition("=")[2] for line in lines))
        paths = tuple(path for path in told if not is_cut(path))
        for one in (key, *self._known.make_room_for(key, self.used)):
            self.undecided.pop(one, None)
        # A runtime inside of a container may have made cgroups in some hierarchies of version 1 only.
        named = max(map(self._named, paths), key=len, default=[])
        if named:
            inside = self._inside(named)
            if inside is None:
                self._find(key, HOST, lines)
            else:
                self._find_in(key, inside, named[0][0], paths, lines)
            return
        claims = tuple(dict.fromkeys(claim for path in paths for claim in claims_of(path)))[:MOST_CLAIMS]
        known = self._first(claims)
        if known is not None:
            self._find_in(key, known.container, known.path, paths, lines)
        elif not claims and paths == told:
            self._find(key, HOST, lines)
        else:
            self._known.set(key, HOST, lines)
            self.undecided[key] = claims

    def decide(self, key: int, process: Process) -> None:
        """Decide what container is behind *key*, one of :attr:`undecided`, in whose cgroups *process* is."""
        ancestors = tuple(process.ancestors())
        claims = self.undecided.pop(key)
        if any(is_cut(line.partition("=")[2]) for line in self.cgroups(key)) and self.get(key).is_host:
            self._find(key, self._behind_cut(key, process, ancestors), self.cgroups(key))
            return
        around = self.get(key)
        if not around.is_host:
            inner = tuple(filter(_is_in_namespace, ancestors))
            within = next((one.container for one in claims if one.is_below(inner)), None)
            outer = f"{around.type}/{around.full_id}"
            self._find(key, around if within is None else replace(within, outer=outer), self.cgroups(key))
            return
        below = (one for one in claims if one.is_below(ancestors))
        claim = next((one for one in below if not (self._user_of(one.path) or _NOBODY).uid), None)
        if claim is None:  # crun writes its state while the container begins
            claim = self._first(claims)
        self._find(key, HOST if claim is None else claim.container, self.cgroups(key))

    def _behind_cut(self, key: int, process: Process, ancestors: Iterable[Process]) -> Container:
        """Return the container of *process*, whose paths lack their beginnings, by ``/proc`` or what it came from."""
        for one in (process, *islice(ancestors, MOST_ASKED)):
            found = self.get(one.cgroup) if one.cgroup not in (0, key) else HOST
            if not found.is_host:
                return found
            paths = self._paths(one)
            named = max(map(self._named, paths), key=len, default=[])
            if named:
                return self._inside(named) or HOST
            if paths and one is process:
                return HOST
        return UNKNOWN if process.vpid not in (0, process.pid) or self._is_apart(process) else HOST

    def get(self, key: int) -> Container:
        """Return the container behind *key*; the host if the key is unknown, or no process has decided it."""
        return self._known.get(key)

    def known(self) -> Cgroups:
        """Return the cgroups behind all keys."""
        return self._known.known()

    def cgroups(self, key: int) -> tuple[str, ...]:
        """Return the cgroups behind *key* as ``subsystem=path``."""
        return self._known.cgroups(key)

    @property
    def dropped(self) -> int:
        """Return the number of keys in use that were forgotten, since there were too many."""
        return self._known.dropped

    def _first(self, claims: Iterable[Claim]) -> Claim | None:
        """Return the first of *claims* that a runtime has."""
        return next(filter(self._exists, claims), None)

    def _inside(self, named: Named) -> Container | None:
        """Return the first of *named*, with what it is in: of what a user named, only what is above that counts.

        None: nobody knows who has named it, and a runtime has that container elsewhere.
        """
        inner, at = named[0][1], named[-1][0]
        user = self._user_of(at)
        if user is not None and not user.uid:
            if self._is_elsewhere(*named[-1]):
                return None
            user = None
        outer = next((one for _, one in named if one != inner and user is None), None)
        if outer is None:
            above = at.rpartition("/")[0] if user is None else user.above
            claim = self._first(tuple(claims_of(above))[:MOST_CLAIMS])
            outer = None if claim is None else claim.container
        if outer is not None:
            return replace(inner, outer=f"{outer.type}/{outer.full_id}")
        return inner if user is None else replace(inner, outer=f"user/{user.uid}")

    def _is_elsewhere(self, at: str, container: Container) -> bool:
        """Return whether a runtime has *container*, and that in another cgroup than *at*."""
        places = (one for one in _upwards(at) if container.full_id in one)
        anywhere, *here = (Claim("", container.full_id, one) for one in ("", *places))
        return self._exists(anywhere) and not any(map(self._exists, here))

    def _user_of(self, path: str) -> _User | None:
        """Return the user who may name the cgroup *path*; None: only root may, or that is not known."""
        if match := _OF_USER.search(path):
            return _User(match[1], path[: match.start()])
        owner = self._owner(path)
        return _User("" if owner == GONE else str(owner), path.rpartition("/")[0]) if owner else None

    def _named(self, path: str) -> Named:
        """Return the containers that *path* names, with their cgroups, innermost first.

        Who may make cgroups inside of one could name a cgroup like another container of this machine: that one's
        runtime knows where it is.
        """
        found = [*_all_named(path)]
        while len(found) > 1:
            at, inner = found[0]
            elsewhere = self._exists(Claim("", inner.full_id, "")) and not self._exists(Claim("", inner.full_id, at))
            if not elsewhere:
                break
            del found[0]
        return found

    def _find_in(self, key: int, container: Container, at: str, paths: Iterable[str], lines: tuple[str, ...]) -> None:
        """Remember that *container*, whose cgroup is *at*, is behind *key*, or one in it by another name."""
        claims = tuple(dict.fromkeys(claim for path in paths for claim in _claims_below(path, at)))[:MOST_CLAIMS]
        if claims and not container.outer.startswith("user/"):
            self._known.set(key, container, lines)
            self.undecided[key] = claims
        else:
            self._find(key, container, lines)

    def _find(self, key: int, container: Container, cgroups: tuple[str, ...]) -> None:
        self._known.set(key, container, cgroups)
        self.on_found(key, container)

"""Remembers the container of each cgroup: by its name, by what this machine's runtimes have, and by who has started it.

What a name says is in :mod:`falcohost_syscall.processes.cgroup_names`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Set
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.cgroup_names import (
    HOST,
    OF_USER,
    UNKNOWN,
    Claim,
    Container,
    all_named,
    claims_below,
    claims_of,
    is_cut,
    is_in_namespace,
    upwards,
)
from falcohost_syscall.processes.cgroup_table import Cgroups, CgroupTable
from falcohost_syscall.processes.proc_reader import GONE
from falcohost_syscall.processes.procfs import READING
from falcohost_syscall.processes.table import Process


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
            inner = tuple(filter(is_in_namespace, ancestors))
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
        places = (one for one in upwards(at) if container.full_id in one)
        anywhere, *here = (Claim("", container.full_id, one) for one in ("", *places))
        return self._exists(anywhere) and not any(map(self._exists, here))

    def _user_of(self, path: str) -> _User | None:
        """Return the user who may name the cgroup *path*; None: only root may, or that is not known."""
        if match := OF_USER.search(path):
            return _User(match[1], path[: match.start()])
        owner = self._owner(path)
        return _User("" if owner == GONE else str(owner), path.rpartition("/")[0]) if owner else None

    def _named(self, path: str) -> Named:
        """Return the containers that *path* names, with their cgroups, innermost first.

        Who may make cgroups inside of one could name a cgroup like another container of this machine: that one's
        runtime knows where it is.
        """
        found = [*all_named(path)]
        while len(found) > 1:
            at, inner = found[0]
            elsewhere = self._exists(Claim("", inner.full_id, "")) and not self._exists(Claim("", inner.full_id, at))
            if not elsewhere:
                break
            del found[0]
        return found

    def _find_in(self, key: int, container: Container, at: str, paths: Iterable[str], lines: tuple[str, ...]) -> None:
        """Remember that *container*, whose cgroup is *at*, is behind *key*, or one in it by another name."""
        claims = tuple(dict.fromkeys(claim for path in paths for claim in claims_below(path, at)))[:MOST_CLAIMS]
        if claims and not container.outer.startswith("user/"):
            self._known.set(key, container, lines)
            self.undecided[key] = claims
        else:
            self._find(key, container, lines)

    def _find(self, key: int, container: Container, cgroups: tuple[str, ...]) -> None:
        self._known.set(key, container, cgroups)
        self.on_found(key, container)

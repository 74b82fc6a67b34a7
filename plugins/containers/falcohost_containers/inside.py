"""Finds containers of which others than the machine's root decide what they are called.

Those that a runtime inside of a container has started: its files lie in volumes or the root of that one, and count for
containers in it only. And those in cgroups of a user, who could name one like any container of the machine: only what
this user's own runtimes know counts.
"""

from __future__ import annotations

import functools
import glob
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import structs

from falcohost_containers.asking import Asked, Asking, First, Tell
from falcohost_containers.rows import USER, Mount, Question, Row
from falcohost_containers.runtimes.engine import Engine, Rooted, RuntimeFailed

#: Where podman and docker keep containers, as a container sees it; podman of its users, by the end of a mount's path.
_STORAGE: Final = PurePosixPath("/var/lib/containers/storage")
_DOCKERS: Final = PurePosixPath("/var/lib/docker/containers")
_OF_USERS: Final = "/.local/share/containers"

#: Most containers with runtimes in them that are remembered; the folders of each are looked for once a second.
MOST: Final = 64


class Inside:
    """The runtimes in the containers that *asking* knows, and those of users.

    :param longest: the longest label that is kept, in characters; 0: any.
    """

    def __init__(self, asking: Asking, longest: int) -> None:
        self._asking = asking
        self._longest = longest
        self._lock = threading.Lock()
        self._of: OrderedDict[str, tuple[frozenset[Path], list[Asked]]] = OrderedDict()
        asking.found = self.learn

    def ask(self, question: Question, tell: Tell) -> None:
        """Call *tell* with the row of a container in another one; what is not known of it is that one's."""
        kind, _, outer = question.outer.partition("/")
        if kind == USER:
            self._asking.ask(question.id, question.type, tell, user=outer)
            return
        self._asking.ask(outer, kind, functools.partial(self._ask, question.id, question.type, outer, kind, tell))

    def _ask(self, container: str, kind: str, outer: str, outer_kind: str, tell: Tell, row: Row | None) -> None:
        if row is None:
            tell(None)
            return
        asked = [one for one in self._within(outer, row, self._root(outer, outer_kind)) if kind in one.engine.types]
        first = First(len(asked), lambda found: tell(_of_outer(row) if found is None else _within(found, row)))
        if not asked:
            tell(_of_outer(row))
        for one in asked:
            one.ask(container, first)

    def learn(self, outer: str, row: Row) -> None:
        """Look for containers in the container *outer* from now on, if it has a volume in which runtimes keep them."""
        if row.mounts and not row.owner and (places := {*_storages(row.mounts, None), *_dockers(row.mounts, None)}):
            with self._lock:
                if outer not in self._of:
                    self._keep(outer, frozenset(places), row.mounts, None)

    def _root(self, outer: str, kind: str) -> Path | None:
        for one in self._asking.runtimes:
            if kind in one.engine.types and isinstance(one.engine, Rooted):
                try:
                    root = one.engine.root(outer)
                except (RuntimeFailed, OSError, ValueError):
                    continue
                if root is not None:
                    return root
        return None

    def _within(self, outer: str, row: Row, root: Path | None) -> list[Asked]:
        mounts = row.mounts or ()
        places = frozenset({*_storages(mounts, root), *_dockers(mounts, root)})
        with self._lock:
            known = self._of.get(outer)
            if known is None or known[0] != places:
                return self._keep(outer, places, mounts, root)
            self._of.move_to_end(outer)
            return known[1]

    def _keep(self, outer: str, places: frozenset[Path], mounts: Iterable[Mount], root: Path | None) -> list[Asked]:
        made = [self._asking.asked(one) for one in _engines([*mounts], root, self._longest)]
        self._of[outer] = places, made
        if len(self._of) > MOST:
            self._of.popitem(last=False)
        self._asking.further = [one for _, asked in self._of.values() for one in asked]
        self._asking.came()
        return made


def _engines(mounts: list[Mount], root: Path | None, longest: int) -> Iterator[Engine]:
    if storages := [*_storages(mounts, root)]:
        from falcohost_containers.runtimes.storage import Podman

        # As of users: podman's database is not opened, since it may have been made to harm whoever reads it.
        yield Podman([], [glob.escape(str(one)) for one in storages], None, longest=longest)
    if folders := [*_dockers(mounts, root)]:
        from falcohost_containers.runtimes.docker import Docker

        yield Docker(None, folders=folders, longest=longest)


def _storages(mounts: Iterable[Mount], root: Path | None) -> Iterator[Path]:
    yield from _placed(_STORAGE, mounts, root)
    for mount in mounts:
        if mount.destination.endswith(_OF_USERS) and mount.source.startswith("/"):
            yield Path(mount.source) / "storage"


def _dockers(mounts: Iterable[Mount], root: Path | None) -> Iterator[Path]:
    return _placed(_DOCKERS, mounts, root)


def _placed(path: PurePosixPath, mounts: Iterable[Mount], root: Path | None) -> Iterator[Path]:
    """Yield where *path* of a container is on the machine: in its innermost mount, or else below its *root*."""
    around = [one for one in mounts if one.destination not in ("", "/") and path.is_relative_to(one.destination)]
    if around:
        mount = max(around, key=lambda one: len(one.destination))
        if mount.source.startswith("/"):
            yield Path(mount.source) / path.relative_to(mount.destination)
    elif root is not None:
        yield root / path.relative_to("/")


def _within(row: Row, outer: Row) -> Row:
    """Return what is told of a container in another: it is in that one's pod, and has no more of the machine."""
    shares = None if row.shares is None or outer.shares is None else row.shares & outer.shares
    return structs.replace(row, shares=shares, pod=outer.pod, partial=row.partial or outer.partial)


def _of_outer(outer: Row) -> Row:
    """Return what is told of a container of which nothing is known but that it is in *outer*."""
    names = {name: getattr(outer, name) for name in ("name", "image", "image_id", "repository", "tag", "digest")}
    return Row(**names, pod=outer.pod, partial=True)

"""Finds docker's containers: in its files, and by its HTTP API (https://docs.docker.com/reference/api/engine).

podman serves the same API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from falcohost_containers.images import best
from falcohost_containers.rows import Row, text, texts
from falcohost_containers.runtimes.described import Container, row
from falcohost_containers.runtimes.engine import Incomplete
from falcohost_containers.runtimes.http import get
from falcohost_containers.runtimes.kept import Kept, kept

#: What an id is; nothing else is asked for.
ID: Final = re.compile(r"[0-9a-f]{64}")

# States in which it has no address yet.
_BEFORE: Final = frozenset({"created", "configured", "initialized"})
#: Of all containers the one with this id.
_OF: Final = "?all=1&filters=%%7B%%22id%%22%%3A%%5B%%22%s%%22%%5D%%7D"
_NAMES: Final = {name: name.capitalize() for name in ("id", "names", "image", "labels", "state")}


class _Image(Struct, rename="pascal"):
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class _Listed(Struct, rename={**_NAMES, "image_id": "ImageID"}):
    id: str
    names: list[str] | None = None
    image: str = ""
    image_id: str = ""
    labels: dict[str, str] | None = None
    state: str = ""


class Docker:
    """The server at the socket *path*; None: it is not asked.

    :param folders: where it keeps its containers.
    """

    def __init__(
        self, path: Path | None, *, name: str = "docker", folders: Sequence[Path] = (), longest: int = 100
    ) -> None:
        self.name = name
        self.types = frozenset({name})
        self.ids = ID
        self.reads_files = False
        self._path = path
        self._folders = folders
        self._longest = longest

    def find(self, container: str) -> Row | None:
        """Return what the files say of a container; where there are none, what the server says."""
        here = self._kept(container)
        return self._served(container) if here is None else self._whole(here)

    def _whole(self, here: Kept) -> Row:
        if not here.is_whole:
            raise Incomplete(row(here.container, here.names or (), self._longest))
        names = self._names(here.container.image) if here.names is None else here.names
        return row(here.container, names, self._longest)

    def _served(self, container: str) -> Row | None:
        listed = self._listed(container)
        if listed is None:
            return None
        found = None
        if (
            self._path is not None and listed.state not in _BEFORE
        ):  # asked for more, docker does not answer until it has started it
            found = get(self._path, f"/containers/{container}/json", Container)
        names = self._names(listed.image_id)
        if found is None or found.id != container:
            raise Incomplete(self._brief(listed, names))
        return row(found, names, self._longest)

    def brief(self, container: str) -> Row | None:
        """Return what the files say, or the server's list."""
        try:
            here = self._kept(container)
        except Incomplete as incomplete:
            return incomplete.row
        if here is not None:
            return row(here.container, here.names or (), self._longest)
        listed = self._listed(container)
        return None if listed is None else self._brief(listed)

    def on_disk(self, container: str) -> Row | None:
        """Return what the files say of a container."""
        here = self._kept(container)
        if here is None:
            return None
        found = row(here.container, here.names or (), self._longest)
        if here.names is None or not here.is_whole:
            raise Incomplete(found)
        return found

    def _kept(self, container: str) -> Kept | None:
        try:
            return kept(self._folders, container)
        except (OSError, ValueError, RecursionError):
            return None  # what the server says has to do

    def _listed(self, container: str) -> _Listed | None:
        return next((one for one in self._list(_OF % container) if one.id == container), None)

    def owner(self) -> int:
        """Return the user id of who runs the server."""
        return 0 if self._path is None else self._path.stat().st_uid

    def running(self) -> Iterable[str]:
        """Yield the ids of running containers."""
        return [one.id for one in self._list() if ID.fullmatch(one.id)]

    def folders(self) -> Sequence[Path]:
        """Return the folders in which the server makes one for each container."""
        return self._folders

    def _list(self, query: str = "") -> list[_Listed]:
        return [] if self._path is None else get(self._path, f"/containers/json{query}", list[_Listed]) or []

    def _names(self, image: str) -> list[str]:
        """Return the names of an image, whose id this is."""
        if self._path is None:
            return []
        from urllib.parse import quote  # seldom needed, and so kept packed

        found = get(self._path, f"/images/{quote(image, safe='')}/json", _Image) or _Image()
        return [*(found.repo_tags or ()), *(found.repo_digests or ())]

    def _brief(self, listed: _Listed, names: Iterable[str] = ()) -> Row:
        name = best(names, text(listed.image))
        return Row(
            name=text(next(iter(listed.names or ()), "").removeprefix("/")),
            image=text(listed.image),
            image_id=text(listed.image_id).removeprefix("sha256:")[:12],
            repository=name.repository,
            tag=name.tag,
            digest=name.digest,
            labels=texts(listed.labels, self._longest),
        )

"""Reads podman's containers where it has no service: from the files of containers/storage, and of the OCI runtime.

podman writes them before it starts a container (https://github.com/containers/storage, ``containers.go``).
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from falcohost_containers.images import best
from falcohost_containers.probes import command
from falcohost_containers.rows import Row, text, texts, words
from falcohost_containers.runtimes import libpod
from falcohost_containers.runtimes.docker import ID, Docker
from falcohost_containers.runtimes.engine import Incomplete, RuntimeFailed
from falcohost_containers.runtimes.files import read
from falcohost_containers.runtimes.oci import Spec, spec

_DRIVERS: Final = ("overlay", "vfs", "btrfs", "zfs")

#: A character that stands for itself in a pattern, as ``glob.escape`` writes it.
_ESCAPED: Final = re.compile(r"\[([*?[])\]")

#: Most storages of users.
_MOST: Final = 64


class Stored(Struct):
    """A container as containers/storage has it; *metadata* is JSON of whoever made it."""

    id: str
    names: list[str] | None = None
    image: str = ""
    metadata: str = ""


class Metadata(Struct, rename="kebab"):
    """What podman and CRI-O write into that of a container. Only CRI-O has *metadata_name*, the name in Kubernetes.

    :ivar pod_id: the sandbox; *pod*: it is that itself, and has *uid* and *namespace* of the pod.
    """

    image_name: str = ""
    image_id: str = ""
    name: str = ""
    metadata_name: str = ""
    pod_id: str = ""
    pod: bool = False
    uid: str = ""
    namespace: str = ""


class Image(Struct):
    """An image as containers/storage has it."""

    id: str
    digest: str = ""
    names: list[str] | None = None


class Podman:
    """podman's containers in *storages* and in the storages of users, whose places are patterns (``/home/*/…``).

    :param path: the socket of its service, where that runs: it alone knows labels of users' containers, and states.
    """

    def __init__(
        self, storages: Sequence[Path], users: Sequence[str], path: Path | None, *, longest: int = 100
    ) -> None:
        self.name = "podman"
        self.types = frozenset({"podman"})
        self.ids = ID
        self.reads_files = False
        self._storages = storages
        self._users = users
        self._service = None if path is None else (path, Docker(path, name="podman", longest=longest))
        self._longest = longest

    def find(self, container: str) -> Row | None:
        """Return what is stored of a container, or what the service says of it."""
        stored = self._stored(container)
        served = self._served(container)
        if stored is None or served is None:
            return served or stored
        return msgspec.structs.replace(served, shares=stored.shares)

    def brief(self, container: str) -> Row | None:
        """Return what is stored, where the service may say more."""
        if self._service is None:
            return None
        try:
            return self._stored(container)
        except Incomplete as incomplete:
            return incomplete.row

    def on_disk(self, container: str) -> Row | None:
        """Return what is stored of a container."""
        stored = self._stored(container)
        if stored is not None and self._service is not None:
            raise Incomplete(stored)
        return stored

    def running(self) -> Iterable[str]:
        """Yield the ids of the containers of root's storages that the OCI runtime has."""
        for _, folder in folders_of(self._storages):
            yield from (one.id for one in containers_in(folder) if (folder / one.id / "userdata/config.json").exists())

    def folders(self) -> Sequence[Path]:
        """Return the folders in which podman makes one for each container."""
        return [folder for _, folder in folders_of([*self._storages, *self._of_users()])]

    def awaited(self) -> Iterable[Path]:
        """Yield a folder of each storage that has none. Of users' storages, patterns are not waited for."""
        users = [Path(_ESCAPED.sub(r"\1", one)) for one in self._users if "*" not in _ESCAPED.sub("", one)]
        for storage in (*self._storages, *users):
            if not any(folders_of([storage])):
                yield storage / f"{_DRIVERS[0]}-containers"

    def root(self, container: str) -> Path | None:
        """Return the root of one of root's containers."""
        for _, folder in folders_of(self._storages):
            data = read(folder / container / "userdata/config.json")
            if data is not None and (root := spec(data).root) is not None and root.path.startswith("/"):
                return Path(root.path)
        return None

    def _of_users(self) -> list[Path]:
        found = [path for pattern in self._users for path in Path("/").glob(pattern.lstrip("/"))]
        return found[:_MOST]

    def _served(self, container: str) -> Row | None:
        if self._service is None or not self._service[0].is_socket():
            return None
        try:
            return self._service[1].find(container)
        except (OSError, RuntimeFailed, ValueError):
            return None  # what is stored has to do

    def _stored(self, container: str) -> Row | None:
        """Return what one storage says; a user could say of another's container what it likes, so only if it is alone.

        :raises RuntimeFailed: several users say that it is theirs.
        """
        for storages, is_roots in ((self._storages, True), (self._of_users(), False)):
            found = [row for one in folders_of(storages) if (row := self._in(*one, container, is_roots)) is not None]
            if len(found) > 1:
                raise RuntimeFailed(f"{len(found)} storages have the same container")
            if found:
                return found[0]
        return None

    def _in(self, images: Path, folder: Path, container: str, is_roots: bool) -> Row | None:
        stored = next((one for one in containers_in(folder) if one.id == container), None)
        if stored is None:
            return None
        said = metadata_of(stored.metadata)
        image = image_in(images, stored.image or said.image_id)
        parts = best(image.names or (), said.image_name)
        config = read(folder / container / "userdata/config.json")
        about = Spec() if config is None else spec(config)
        try:
            own, is_whole = libpod.about(images.parent, container) if is_roots else None, config is not None
        except (OSError, ValueError):
            own, is_whole = None, False
        row = Row(
            name=text(said.name or next(iter(stored.names or ()), "")),
            image=text(said.image_name or next(iter(image.names or ()), "")),
            image_id=text(stored.image)[:12],
            repository=text(parts.repository),
            tag=text(parts.tag),
            digest=text(parts.digest or image.digest),
            labels=texts(None if own is None else own.labels, self._longest),
            mounts=about.told if config is not None else None,
            shares=about.shares if config is not None else None,
            healthcheck=None if own is None else command(words(own.test)),
            owner=0 if is_roots else folder.stat().st_uid,
        )
        if not is_whole:
            raise Incomplete(row)
        return row


def folders_of(storages: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield the folders of images and of containers that there are in *storages*."""
    for storage in storages:
        for images, folder in _possible(storage):
            if os.path.isdir(folder):  # noqa: PTH112 # they are looked for each second
                yield images, folder


@functools.lru_cache(maxsize=64)
def _possible(storage: Path) -> Sequence[tuple[Path, Path]]:
    """Return what each driver calls the folders of images and of containers in *storage*."""
    return [(storage / f"{driver}-images", storage / f"{driver}-containers") for driver in _DRIVERS]


def containers_in(folder: Path) -> list[Stored]:
    """Return the containers of a storage; some are only for the time being (``volatile-containers.json``)."""
    found: list[Stored] = []
    for name in ("containers.json", "volatile-containers.json"):
        data = read(folder / name)
        found += _decode_containers(data) if data else ()
    return found


def image_in(folder: Path, ident: str) -> Image:
    """Return the image *ident*, whose names are in *folder*; one without names if there is none."""
    data = read(folder / "images.json")
    return next((one for one in (_decode_images(data) if data else ()) if one.id == ident), Image(ident))


def metadata_of(data: str) -> Metadata:
    """Return what a container's metadata say; empty ones if they are something else."""
    try:
        return _decode_metadata(data or "{}")
    except ValueError:
        return Metadata()


_decode_containers = msgspec.json.Decoder(list[Stored]).decode
_decode_images = msgspec.json.Decoder(list[Image]).decode
_decode_metadata = msgspec.json.Decoder(Metadata).decode

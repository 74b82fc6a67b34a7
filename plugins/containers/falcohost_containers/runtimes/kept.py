"""Reads the files that docker keeps of a container, which are there before it starts, however slow docker is.

They are ``config.v2.json`` and ``hostconfig.json`` in a folder of the container's own, and ``repositories.json``, which
has the names of images (https://github.com/moby/moby, ``daemon/container/container.go``, ``daemon/internal/refstore``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from falcohost_containers.rows import Row
from falcohost_containers.runtimes.described import Container, HostSettings, Mounted, Networks, Settings
from falcohost_containers.runtimes.engine import Incomplete
from falcohost_containers.runtimes.files import read

#: Seconds after which a folder without files is not one in which docker is about to write them.
_NEW: Final = 3.0


class _Point(Struct, rename={"mode": "Relabel", "writable": "RW"}):
    source: str = msgspec.field(default="", name="Source")
    destination: str = msgspec.field(default="", name="Destination")
    propagation: str = msgspec.field(default="", name="Propagation")
    mode: str = ""
    writable: bool = False
    volume: str = msgspec.field(default="", name="Name")
    driver: str = msgspec.field(default="", name="Driver")

    def place(self, folder: Path) -> str:
        """Return what is mounted, which for one of docker's volumes is in *folder*."""
        is_there = self.driver == "local" and self.volume and not self.source
        return str(folder / self.volume / "_data") if is_there else self.source


class _State(Struct, rename="pascal"):
    running: bool = False


class _Config(Struct, rename={"id": "ID", "networks": "NetworkSettings"}):
    id: str
    name: str = msgspec.field(name="Name")
    image: str = msgspec.field(name="Image")
    config: Settings = msgspec.field(name="Config")
    networks: Networks | None = None
    driver: str = msgspec.field(default="", name="Driver")
    state: _State | None = msgspec.field(default=None, name="State")
    started: bool = msgspec.field(default=False, name="HasBeenStartedBefore")
    points: dict[str, _Point] | None = msgspec.field(default=None, name="MountPoints")


class _Repositories(Struct, rename="pascal"):
    repositories: dict[str, dict[str, str]]


class Kept(NamedTuple):
    """What files say of a container.

    :ivar names: the names of its image; None: they do not say, since images are containerd's.
    :ivar is_whole: it has been started: mounts and addresses do not change any more.
    """

    container: Container
    names: list[str] | None
    is_whole: bool


def kept(folders: Iterable[Path], container: str) -> Kept | None:
    """Return what is in one of the *folders* of containers; None: it is in none of them.

    :raises Incomplete: its files are not written yet.
    :raises OSError: a file cannot be read.
    :raises ValueError: it has something else.
    """
    for folder in folders:
        config, host = (read(folder / container / name) for name in ("config.v2.json", "hostconfig.json"))
        if config is not None and host is not None:
            found = _decode_config(config)
            if found.id != container:
                raise ValueError("the files of another container")
            is_whole = found.started or (found.state is not None and found.state.running)
            about = _container(found, _decode_host(host), folder.parent / "volumes")
            return Kept(about, _names(folder.parent, found), is_whole)
        if _is_new(folder / container):
            raise Incomplete(Row())  # docker, if it is slow, would hold up what asks it until after the start
    return None


def _is_new(folder: Path) -> bool:
    try:
        return 0.0 <= time.time() - folder.stat().st_mtime < _NEW
    except FileNotFoundError:
        return False


def _container(found: _Config, host: HostSettings, volumes: Path) -> Container:
    points = sorted((found.points or {}).values(), key=lambda one: one.destination)
    mounts = [Mounted(one.place(volumes), one.destination, one.mode, one.writable, one.propagation) for one in points]
    return Container(found.id, found.name, found.image, found.config, host, mounts, found.networks)


def _names(folder: Path, found: _Config) -> list[str] | None:
    driver = found.driver if found.driver.isalnum() or found.driver == "fuse-overlayfs" else ""
    data = read(folder / "image" / driver / "repositories.json") if driver else None
    if data is None:
        return None
    of_each = _decode_repositories(data).repositories.values()
    return [name for names in of_each for name, ident in names.items() if ident == found.image]


_decode_config = msgspec.json.Decoder(_Config).decode
_decode_host = msgspec.json.Decoder(HostSettings).decode
_decode_repositories = msgspec.json.Decoder(_Repositories).decode

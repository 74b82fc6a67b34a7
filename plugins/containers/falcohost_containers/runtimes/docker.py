"""Asks the HTTP API of docker, which podman serves too (https://docs.docker.com/reference/api/engine)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from falcohost_containers.images import best
from falcohost_containers.probes import SHELL, Command, command
from falcohost_containers.rows import MOST_ENTRIES, Mount, Row, text, texts, words
from falcohost_containers.runtimes.engine import Incomplete
from falcohost_containers.runtimes.http import get
from falcohost_containers.runtimes.libpod import Health

#: What an id is; nothing else is asked for.
ID: Final = re.compile(r"[0-9a-f]{64}")

# States in which it has no address yet.
_BEFORE: Final = frozenset({"created", "configured", "initialized"})
#: Of all containers the one with this id.
_OF: Final = "?all=1&filters=%%7B%%22id%%22%%3A%%5B%%22%s%%22%%5D%%7D"
_PASCAL: Final = {
    name: "".join(word.capitalize() for word in name.split("_"))
    for name in (
        "id",
        "name",
        "image",
        "config",
        "host_config",
        "state",
        "mounts",
        "source",
        "destination",
        "mode",
        "propagation",
    )
}


class _Mount(Struct, rename={"writable": "RW", **_PASCAL}):
    source: str = ""
    destination: str = ""
    mode: str = ""
    writable: bool = False
    propagation: str = ""


class _Config(Struct, rename="pascal"):
    image: str = ""
    labels: dict[str, str] | None = None
    healthcheck: Health | None = None
    shell: list[str] | None = None


class _HostConfig(Struct, rename="pascal"):
    privileged: bool = False
    pid_mode: str = ""
    network_mode: str = ""
    ipc_mode: str = ""


class _Network(Struct, rename={"address": "IPAddress"}):
    address: str = ""


class _Networks(Struct, rename={"address": "IPAddress", "networks": "Networks"}):
    address: str = ""
    networks: dict[str, _Network] | None = None


class _Container(Struct, rename={"networks": "NetworkSettings", **_PASCAL}):
    id: str
    name: str
    image: str
    config: _Config
    host_config: _HostConfig
    mounts: list[_Mount] | None = None
    networks: _Networks | None = None


class _Image(Struct, rename="pascal"):
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class _Listed(Struct, rename={**_PASCAL, "image_id": "ImageID", "names": "Names", "labels": "Labels"}):
    id: str
    names: list[str] | None = None
    image: str = ""
    image_id: str = ""
    labels: dict[str, str] | None = None
    state: str = ""


class Docker:
    """The server at the socket *path*.

    :param folders: where it keeps its containers.
    """

    def __init__(self, path: Path, *, name: str = "docker", folders: Sequence[Path] = (), longest: int = 100) -> None:
        self.name = name
        self.types = frozenset({name})
        self.ids = ID
        self.reads_files = False
        self._path = path
        self._folders = folders
        self._longest = longest

    def find(self, container: str) -> Row | None:
        """Return what the server says of a container."""
        listed = self._listed(container)
        if listed is None:
            return None
        if listed.state in _BEFORE:
            raise Incomplete(self._brief(listed))  # asked for more, docker does not answer until it has started it
        found = get(self._path, f"/containers/{container}/json", _Container)
        if found is None or found.id != container:
            raise Incomplete(self._brief(listed))
        return self._row(found)

    def brief(self, container: str) -> Row | None:
        """Return what the server says of a container in its list."""
        listed = self._listed(container)
        return None if listed is None else self._brief(listed)

    def _listed(self, container: str) -> _Listed | None:
        return next((one for one in self._list(_OF % container) if one.id == container), None)

    def running(self) -> Iterable[str]:
        """Yield the ids of running containers."""
        return [one.id for one in self._list() if ID.fullmatch(one.id)]

    def folders(self) -> Sequence[Path]:
        """Return the folders in which the server makes one for each container."""
        return self._folders

    def _list(self, query: str = "") -> list[_Listed]:
        return get(self._path, f"/containers/json{query}", list[_Listed]) or []

    def _brief(self, listed: _Listed) -> Row:
        name = best([], text(listed.image))
        return Row(
            name=text(next(iter(listed.names or ()), "").removeprefix("/")),
            image=text(listed.image),
            image_id=text(listed.image_id).removeprefix("sha256:")[:12],
            repository=name.repository,
            tag=name.tag,
            digest=name.digest,
            labels=texts(listed.labels, self._longest),
        )

    def _row(self, found: _Container) -> Row:
        config, host = found.config, found.host_config
        image = get(self._path, f"/images/{quote(found.image, safe='')}/json", _Image) or _Image()
        name = best([*(image.repo_tags or ()), *(image.repo_digests or ())], text(config.image))
        mounts = (found.mounts or [])[:MOST_ENTRIES]
        return Row(
            name=text(found.name.removeprefix("/")),
            image=text(config.image),
            image_id=text(found.image).removeprefix("sha256:")[:12],
            repository=name.repository,
            tag=name.tag,
            digest=name.digest,
            ip=text(_address(found.networks)),
            labels=texts(config.labels, self._longest),
            mounts=tuple(
                Mount(text(one.source), text(one.destination), text(one.mode), one.writable, text(one.propagation))
                for one in mounts
            ),
            privileged=host.privileged,
            shares=frozenset(
                name
                for name, mode in (("pid", host.pid_mode), ("network", host.network_mode), ("ipc", host.ipc_mode))
                if mode == "host"
            ),
            healthcheck=_health(config),
        )


def _address(networks: _Networks | None) -> str:
    if networks is None:
        return ""
    return networks.address or next((one.address for one in (networks.networks or {}).values() if one.address), "")


def _health(config: _Config) -> Command:
    test = words(None if config.healthcheck is None else config.healthcheck.test)
    return command(test, words(config.shell) or SHELL)

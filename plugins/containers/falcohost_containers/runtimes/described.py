"""A container as docker describes it, in the answers of its API and in the files that it keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from falcohost_containers.images import best
from falcohost_containers.probes import SHELL, Command, command
from falcohost_containers.rows import MOST_ENTRIES, Mount, Row, text, texts, words
from falcohost_containers.runtimes.libpod import Health

_PASCAL: Final = {
    name: name.capitalize()
    for name in ("name", "image", "config", "state", "mounts", "source", "destination", "mode", "propagation")
}


class Mounted(Struct, rename={"writable": "RW", **_PASCAL}):
    """A mount."""

    source: str = ""
    destination: str = ""
    mode: str = ""
    writable: bool = False
    propagation: str = ""


class Settings(Struct, rename="pascal"):
    """What does not depend on the host (``Config``)."""

    image: str = ""
    labels: dict[str, str] | None = None
    healthcheck: Health | None = None
    shell: list[str] | None = None


class HostSettings(Struct, rename="pascal"):
    """What does (``HostConfig``)."""

    privileged: bool = False
    pid_mode: str = ""
    network_mode: str = ""
    ipc_mode: str = ""

    @property
    def shares(self) -> frozenset[str]:
        """Return the namespaces of the host that the container is in."""
        modes = (("pid", self.pid_mode), ("network", self.network_mode), ("ipc", self.ipc_mode))
        return frozenset(name for name, mode in modes if mode == "host")


class _Network(Struct, rename={"address": "IPAddress"}):
    address: str = ""


class Networks(Struct, rename={"address": "IPAddress", "networks": "Networks"}):
    """The networks that it is in."""

    address: str = ""
    networks: dict[str, _Network] | None = None

    @property
    def first(self) -> str:
        """Return its first address."""
        others = (one.address for one in (self.networks or {}).values())
        return self.address or next((address for address in others if address), "")


class Container(Struct, rename={"id": "Id", "host": "HostConfig", "networks": "NetworkSettings", **_PASCAL}):
    """A container; *image* is the id of its image."""

    id: str
    name: str
    image: str
    config: Settings
    host: HostSettings
    mounts: list[Mounted] | None = None
    networks: Networks | None = None


def row(found: Container, names: Iterable[str], longest: int) -> Row:
    """Return the row of a container whose image has these *names*."""
    name = best(names, text(found.config.image))
    return Row(
        name=text(found.name.removeprefix("/")),
        image=text(found.config.image),
        image_id=text(found.image).removeprefix("sha256:")[:12],
        repository=text(name.repository),
        tag=text(name.tag),
        digest=text(name.digest),
        ip=text(found.networks.first) if found.networks else "",
        labels=texts(found.config.labels, longest),
        mounts=tuple(map(_mount, (found.mounts or [])[:MOST_ENTRIES])),
        privileged=found.host.privileged,
        shares=found.host.shares,
        healthcheck=_health(found.config),
    )


def _mount(one: Mounted) -> Mount:
    return Mount(text(one.source), text(one.destination), text(one.mode), one.writable, text(one.propagation))


def _health(config: Settings) -> Command:
    test = words(None if config.healthcheck is None else config.healthcheck.test)
    return command(test, words(config.shell) or SHELL)

"""What the OCI runtime specification of a container says of it (https://github.com/opencontainers/runtime-spec)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from falcohost_containers.rows import MOST_ENTRIES, Mount, text

_NAMES = {"pid": "pid", "network": "network", "ipc": "ipc"}


class SpecMount(Struct):
    """A mount."""

    destination: str = ""
    source: str = ""
    options: list[str] | None = None


class _Namespace(Struct):
    type: str = ""


class _Root(Struct):
    path: str = ""


class _Linux(Struct, rename="camel"):
    namespaces: list[_Namespace] | None = None
    rootfs_propagation: str = ""


class Spec(Struct):
    """The parts of ``config.json`` that are used."""

    mounts: list[SpecMount] | None = None
    annotations: dict[str, str] | None = None
    linux: _Linux | None = None
    root: _Root | None = None

    @property
    def shares(self) -> frozenset[str]:
        """Return the namespaces of the host that the container is in."""
        own = {one.type for one in (self.linux.namespaces if self.linux else None) or ()}
        return frozenset(name for kind, name in _NAMES.items() if kind not in own)

    @property
    def told(self) -> tuple[Mount, ...]:
        """Return the mounts."""
        propagation = text(self.linux.rootfs_propagation) if self.linux else ""
        return tuple(_mount(one, propagation) for one in (self.mounts or [])[:MOST_ENTRIES])


def _mount(one: SpecMount, propagation: str) -> Mount:
    options = one.options or []
    mode = next((option.removeprefix("mode=") for option in options if option.startswith("mode=")), "")
    return Mount(text(one.source), text(one.destination), text(mode), "ro" not in options, propagation)


def spec(data: bytes) -> Spec:
    """Return what ``config.json`` says.

    :raises ValueError: it is something else.
    """
    return _decode(data)


_decode = msgspec.json.Decoder(Spec).decode

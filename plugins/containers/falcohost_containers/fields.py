"""Getters of the fields that a row fills. The fields themselves, and what they are on the host, are the source's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from falcohost import Arg
from falcohost.arguments import chosen
from falcohost.lookups import GIVEN_UP, Beside
from falcohost_containers.probes import Command, is_part
from falcohost_containers.rows import Mount, Row

Read: TypeAlias = Callable[[Row, Arg], Any]

#: Labels that Kubernetes' runtimes add, which ``container.labels`` leaves out.
_OWN: Final = ("annotation.", "io.kubernetes.")


def _plain(name: str) -> Read:
    """Return the getter of a text; an empty one is absent."""
    return lambda row, _: getattr(row, name) or None


def _shares(name: str) -> Read:
    return lambda row, _: None if row.shares is None else name in row.shares


def _joined(labels: Mapping[str, str]) -> str | None:
    texts = (f"{key}:{value}" if value else key for key, value in labels.items() if not key.startswith(_OWN))
    return ", ".join(texts) or None


def _pod(name: str, label: str = "") -> Read:
    """Return the getter of a fact about the pod, which older runtimes tell by a *label* of the container only."""
    return lambda row, _: getattr(row.pod, name) or row.labels.get(label) or None


def _source(mount: Mount) -> str:
    return mount.source


def _destination(mount: Mount) -> str:
    return mount.destination


def _of_mount(get: Callable[[Mount], str], path: Callable[[Mount], str] = _source) -> Read:
    def read(row: Row, arg: Arg) -> str | None:
        mount = chosen(row.mounts or (), arg, path)
        return None if mount is None else get(mount)

    return read


def _told(mount: Mount) -> str:
    return ":".join((mount.source, mount.destination, mount.mode, _truth(mount), mount.propagation))


def _truth(mount: Mount) -> str:
    return "true" if mount.writable else "false"


def _mounts(row: Row, _: Arg) -> str | None:
    return ",".join(map(_told, row.mounts)) if row.mounts else None


def _is_checked(row: Row, _: Arg, entered: Sequence[str] | None) -> bool | None:
    return None if row.healthcheck is None or row.partial else is_part(row.healthcheck, entered)


def _is_probed(name: str) -> Callable[..., Any]:
    """Return the getter for a probe; there is none outside of Kubernetes, whatever labels say."""

    def read(row: Row, _: Arg, entered: Sequence[str] | None) -> bool | None:
        probe: Command | None = getattr(row, name) if row.pod.sandbox else ()
        return None if probe is None or not row.name or row.partial else is_part(probe, entered)

    return read


def _beside(read: Callable[..., Any]) -> Beside:
    return Beside(_known(read), ("proc.entered_with",))


def _known(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return a getter that gives up what a partial row does not have."""

    def get(row: Row, arg: Arg, *values: Any) -> Any:
        value = read(row, arg, *values)
        return GIVEN_UP if value is None and row.partial else value

    return get


_READ: Final[Mapping[str, Read]] = {
    "container.name": _plain("name"),
    "container.image": _plain("image"),
    "container.image.id": _plain("image_id"),
    "container.image.repository": _plain("repository"),
    "container.image.tag": _plain("tag"),
    "container.image.digest": _plain("digest"),
    "container.ip": _plain("ip"),
    "container.privileged": lambda row, _: row.privileged,
    "container.host_pid": _shares("pid"),
    "container.host_network": _shares("network"),
    "container.host_ipc": _shares("ipc"),
    "container.labels": lambda row, _: _joined(row.labels),
    "container.label": lambda row, arg: row.labels.get(str(arg)),
    "container.mounts": _mounts,
    "container.mount": _of_mount(_told),
    "container.mount.source": _of_mount(_source, _destination),
    "container.mount.dest": _of_mount(_destination),
    "container.mount.mode": _of_mount(lambda mount: mount.mode),
    "container.mount.rdwr": _of_mount(_truth),
    "container.mount.propagation": _of_mount(lambda mount: mount.propagation),
    "k8s.pod.name": _pod("name", "io.kubernetes.pod.name"),
    "k8s.ns.name": _pod("namespace", "io.kubernetes.pod.namespace"),
    "k8s.pod.id": _pod("uid", "io.kubernetes.pod.uid"),
    "k8s.pod.uid": _pod("uid", "io.kubernetes.pod.uid"),
    "k8s.pod.sandbox_id": lambda row, _: row.pod.sandbox[:12] or None,
    "k8s.pod.full_sandbox_id": lambda row, _: row.pod.sandbox or None,
    "k8s.pod.labels": lambda row, _: _joined(row.pod.labels),
    "k8s.pod.label": lambda row, arg: row.pod.labels.get(str(arg)),
    "k8s.pod.ip": _pod("ip"),
}

#: The fields that are filled.
FILLS: Final[Mapping[str, Read]] = {
    **{name: _known(read) for name, read in _READ.items()},
    "proc.is_container_healthcheck": _beside(_is_checked),
    "proc.is_container_liveness_probe": _beside(_is_probed("liveness")),
    "proc.is_container_readiness_probe": _beside(_is_probed("readiness")),
}

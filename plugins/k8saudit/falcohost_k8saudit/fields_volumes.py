"""Fields of the volumes of a pod that a request creates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falcohost import ArgKind, Field
from falcohost.jsonlog import ABSENT
from falcohost_k8saudit.rows import read_at
from falcohost_k8saudit.values import gather, text, texts

_VOLUMES = "requestObject.spec.volumes"


def volume_fields() -> Iterator[Field]:
    """Yield the fields of volumes."""
    yield read_at(
        "ka.req.pod.volumes.hostpath",
        _VOLUMES,
        "Host paths that the pod mounts.",
        _host_paths,
        arg=ArgKind.INDEX,
        is_list=True,
    )
    yield read_at(
        "ka.req.volume.hostpath",
        _VOLUMES,
        "Whether a volume is this host path or, if the argument ends in *, a path that begins with it; "
        "see ka.req.pod.volumes.hostpath.",
        _has_host_path,
        arg=ArgKind.KEY,
    )
    yield read_at(
        "ka.req.pod.volumes.flexvolume_driver",
        _VOLUMES,
        "Drivers of the pod's flex volumes.",
        lambda value, index: _all(value, index, "flexVolume", "driver"),
        arg=ArgKind.INDEX,
        is_list=True,
    )
    yield read_at(
        "ka.req.pod.volumes.volume_type",
        _VOLUMES,
        "Types of the pod's volumes (hostPath, secret).",
        _types,
        arg=ArgKind.INDEX,
        is_list=True,
    )


def _all(value: Any, index: Any, *keys: str) -> tuple[str, ...] | None:
    found = None if value is ABSENT else gather(value, index, *keys)
    return None if found is None else texts(found)


def _host_paths(value: Any, index: Any) -> tuple[str, ...] | None:
    return _all(value, index, "hostPath", "path")


def _has_host_path(value: Any, arg: Any) -> str | None:
    found = None if value is ABSENT else gather(value, None, "hostPath", "path")
    if found is None:
        return None
    wanted = str(arg)
    paths = [text(path) or "" for path in found if path is not ABSENT]
    hit = wanted in paths or (wanted.endswith("*") and any(path.startswith(wanted[:-1]) for path in paths))
    return "true" if hit else "false"


def _types(value: Any, index: Any) -> tuple[str, ...] | None:
    volumes = value if isinstance(value, list) else [value]
    if index is not None:
        volumes = volumes[index : index + 1]
    return tuple(key for volume in volumes if isinstance(volume, dict) for key in volume if key != "name") or None

"""Reads what CRI-O keeps of a container in containers/storage, which is there before it starts, however slow CRI-O is.

Names and images are in the metadata there (https://github.com/cri-o/cri-o, ``internal/storage/runtime.go``), labels and
volumes in the annotations of ``config.json`` (``internal/factory/container/container.go``), of container and pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from falcohost_containers.images import best
from falcohost_containers.rows import MOST_ENTRIES, PROPAGATION, Mount, Pod, Row, text, texts
from falcohost_containers.runtimes.applied import probes
from falcohost_containers.runtimes.docker import ID
from falcohost_containers.runtimes.engine import Incomplete
from falcohost_containers.runtimes.files import read
from falcohost_containers.runtimes.oci import Spec, spec
from falcohost_containers.runtimes.storage import Metadata, containers_in, folders_of, image_in, metadata_of

_NOTE: Final = "io.kubernetes.cri-o."

_T = TypeVar("_T")


class _Volume(Struct):
    container_path: str = ""
    host_path: str = ""
    readonly: bool = False
    propagation: int = 0


class Crio:
    """CRI-O's containers in *storages*, which are root's."""

    def __init__(self, storages: Sequence[Path], *, longest: int = 100) -> None:
        self.name = "cri-o"
        self.types = frozenset({"cri"})
        self.ids = ID
        self.reads_files = False
        self._storages = storages
        self._longest = longest

    def find(self, container: str) -> Row | None:
        """Return what is stored of a container, or of the sandbox of a pod."""
        for images, folder in folders_of(self._storages):
            said = {one.id: metadata_of(one.metadata) for one in containers_in(folder)}
            own = said.get(container)
            if own is not None and own.metadata_name:
                return self._row(images, folder, container, own, said.get(own.pod_id))
        return None

    on_disk = find

    def running(self) -> Iterable[str]:
        """Yield the ids of containers and sandboxes."""
        for _, folder in folders_of(self._storages):
            yield from (one.id for one in containers_in(folder) if metadata_of(one.metadata).metadata_name)

    def folders(self) -> Sequence[Path]:
        """Return the folders in which CRI-O makes one for each container."""
        return [folder for _, folder in folders_of(self._storages)]

    def _row(self, images: Path, folder: Path, container: str, own: Metadata, sandbox: Metadata | None) -> Row:
        about, of_pod = _specified(folder, container), _specified(folder, own.pod_id)
        pod = self._pod(own.pod_id, sandbox or Metadata(), of_pod or Spec())
        noted = about or Spec()
        if own.pod:
            row = Row(name=pod.name, ip=pod.ip, labels=pod.labels, shares=noted.shares, pod=pod, healthcheck=())
        else:
            image = image_in(images, own.image_id)
            parts = best(image.names or (), own.image_name)
            liveness, readiness = probes(noted.annotations or {}, own.metadata_name)
            row = Row(
                name=text(own.metadata_name),
                image=text(own.image_name or next(iter(image.names or ()), "")),
                image_id=text(own.image_id)[:12],
                repository=text(parts.repository),
                tag=text(parts.tag),
                digest=text(parts.digest or image.digest),
                ip=pod.ip,
                labels=texts(_labels(noted), self._longest),
                mounts=tuple(_volumes(noted)),
                shares=noted.shares,
                pod=pod,
                healthcheck=(),
                liveness=liveness,
                readiness=readiness,
            )
        if about is None or of_pod is None:
            raise Incomplete(row)
        return row

    def _pod(self, sandbox: str, said: Metadata, about: Spec) -> Pod:
        return Pod(
            sandbox=text(sandbox),
            name=text(said.metadata_name),
            namespace=text(said.namespace),
            uid=text(said.uid),
            ip=text((about.annotations or {}).get(f"{_NOTE}IP.0", "")),
            labels=texts(_labels(about), self._longest),
        )


def _specified(folder: Path, container: str) -> Spec | None:
    """Return the specification of a container; None: it is not written yet."""
    data = read(folder / container / "userdata/config.json") if ID.fullmatch(container) else None
    return None if data is None else spec(data)


def _labels(about: Spec) -> Mapping[str, str]:
    return _noted(about, "Labels", _decode_labels) or {}


def _volumes(about: Spec) -> Iterator[Mount]:
    for one in (_noted(about, "Volumes", _decode_volumes) or [])[:MOST_ENTRIES]:
        propagation = PROPAGATION.get(one.propagation, "")
        yield Mount(text(one.host_path), text(one.container_path), "", not one.readonly, propagation)


def _noted(about: Spec, name: str, decoder: msgspec.json.Decoder[_T]) -> _T | None:
    """Return the JSON in an annotation; None: there is none.

    :raises ValueError: it is something else.
    """
    found = (about.annotations or {}).get(f"{_NOTE}{name}", "")
    return decoder.decode(found) if found else None


_decode_labels = msgspec.json.Decoder(dict[str, str] | None)
_decode_volumes = msgspec.json.Decoder(list[_Volume] | None)

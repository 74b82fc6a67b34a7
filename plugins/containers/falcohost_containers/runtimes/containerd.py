"""Asks containerd by its own API (containerd/api/services), and its CRI plugin about Kubernetes' containers."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from falcohost_containers.images import split
from falcohost_containers.probes import Command, command
from falcohost_containers.rows import Pod, Row, text, texts, words
from falcohost_containers.runtimes import protobuf as pb
from falcohost_containers.runtimes.cri import Cri
from falcohost_containers.runtimes.engine import Incomplete, RuntimeFailed
from falcohost_containers.runtimes.files import read
from falcohost_containers.runtimes.grpc import Client, NotImplementedThere
from falcohost_containers.runtimes.libpod import Health
from falcohost_containers.runtimes.oci import Spec, spec

_SERVICES: Final = "/containerd.services"
_KUBERNETES: Final = "k8s.io"
#: What containerd's CRI plugin writes into specifications begins so.
_ANNOTATED: Final = "io.kubernetes.cri."
_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,75}", re.ASCII)
#: The label in which nerdctl keeps the health check of a container.
_CHECKED: Final = "nerdctl/healthcheck"
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}

#: Seconds for which the list of namespaces is taken for current, unless a container is in none of them.
_FRESH: Final = 5.0

#: Most namespaces that are looked through, and most images whose id is remembered.
_MOST: Final = 64
_MOST_IMAGES: Final = 1024


class _Descriptor(Struct):
    digest: str = ""
    platform: dict[str, str | list[str]] | None = None


class _Manifest(Struct):
    config: _Descriptor | None = None
    manifests: list[_Descriptor] | None = None


class Containerd:
    """The daemon at the socket *path*; it keeps its tasks beside that."""

    def __init__(self, path: Path, *, longest: int = 100) -> None:
        self.name = "containerd"
        self.types = frozenset({"containerd", "cri"})
        self.ids = _ID
        self.reads_files = False
        self._path = path
        self._client = Client(path)
        self._cri = Cri(self._client, longest=longest)
        self._tasks = path.parent / "io.containerd.runtime.v2.task"
        self._longest = longest
        self._listed: tuple[float, tuple[str, ...]] = (0.0, ())
        self._images: dict[str, str] = {}

    def find(self, container: str) -> Row | None:
        """Return what containerd says of a container in any of its namespaces."""
        known = self._of_task(container) or self._namespaces()
        found = self._among(known, container)
        if found is None and (added := set(self._namespaces(fresh=True)) - set(known)):
            found = self._among(sorted(added), container)
        return found

    def brief(self, container: str) -> Row | None:
        """Return what containerd says in one answer, where there is a task."""
        for namespace in self._of_task(container):
            if (answer := self._get(namespace, container)) is not None:
                return self._row(pb.message(pb.decode(answer), 1), "", "")
        return None

    def on_disk(self, container: str) -> Row | None:
        """Return what the specification of a task says; the name of its image is among that only in Kubernetes."""
        for namespace in self._of_task(container):
            if (data := read(self._tasks / namespace / container / "config.json")) is not None:
                raise Incomplete(self._specified(container, spec(data)))
        return None

    def owner(self) -> int:
        """Return the user id of who runs it."""
        return self._path.stat().st_uid

    def root(self, container: str) -> Path | None:
        """Return the root of a task."""
        return next((self._tasks / one / container / "rootfs" for one in self._of_task(container)), None)

    def _specified(self, container: str, said: Spec) -> Row:
        notes = said.annotations or {}
        pod, image = _pod(notes), text(notes.get(f"{_ANNOTATED}image-name", ""))
        named = notes.get(f"{_ANNOTATED}container-name") or notes.get("nerdctl/name") or pod.name
        parts = split(image)
        return Row(
            name=text(named or container),
            image=image,
            repository=parts.repository,
            tag=parts.tag,
            digest=parts.digest,
            mounts=said.told,
            shares=said.shares,
            pod=pod,
        )

    def _of_task(self, container: str) -> tuple[str, ...]:
        """Return the namespaces that have a task of this name."""
        return tuple(one.name for one in self.folders()[1:] if (one / container).is_dir())

    def running(self) -> Iterable[str]:
        """Yield the ids of all containers."""
        for namespace in self._namespaces(fresh=True):
            answer = self._call("containers.v1.Containers/List", b"", namespace)
            yield from (pb.text(one, 1) for one in pb.messages(pb.decode(answer or b""), 1))

    def folders(self) -> Sequence[Path]:
        """Return the folders of tasks: each namespace has one."""
        try:
            return [self._tasks, *(one for one in list(self._tasks.iterdir())[:_MOST] if one.is_dir())]
        except OSError:
            return [self._tasks]

    def _among(self, namespaces: Iterable[str], container: str) -> Row | None:
        for namespace in namespaces:
            if (found := self._in(namespace, container)) is not None:
                return found
        return None

    def _in(self, namespace: str, container: str) -> Row | None:
        answer = self._get(namespace, container)
        if answer is None:
            return None
        if namespace == _KUBERNETES and (pod := self._of_pod(container)) is not None:
            return pod
        found = pb.message(pb.decode(answer), 1)
        digest = self._digest(pb.text(found, 3), namespace)
        return self._row(found, digest, self._image_id(digest, namespace))

    def _get(self, namespace: str, container: str) -> bytes | None:
        return self._call("containers.v1.Containers/Get", pb.encode({1: container}), namespace)

    def _of_pod(self, container: str) -> Row | None:
        try:
            return self._cri.find(container)
        except NotImplementedThere:
            return None

    def _row(self, found: pb.Values, digest: str, image_id: str) -> Row:
        labels, name = pb.texts(found, 2), pb.text(found, 3)
        said = _spec(pb.message(found, 5))
        parts = split(name)
        return Row(
            name=text(labels.get("io.kubernetes.container.name") or labels.get("nerdctl/name") or pb.text(found, 1)),
            image=text(name),
            image_id=image_id,
            repository=text(parts.repository),
            tag=text(parts.tag),
            digest=text(parts.digest or digest),
            labels=texts(labels, self._longest),
            mounts=said.told,
            shares=said.shares,
            pod=_pod(said.annotations or {}),
            healthcheck=_health(labels),
        )

    def _digest(self, image: str, namespace: str) -> str:
        """Return the digest that an image's name stands for; empty: there is none of this name any more."""
        if not image:
            return ""
        answer = self._call("images.v1.Images/Get", pb.encode({1: image}), namespace)
        return pb.text(pb.message(pb.message(pb.decode(answer or b""), 1), 3), 2)

    def _image_id(self, digest: str, namespace: str) -> str:
        """Return the beginning of the digest of an image's configuration, by which runtimes call the image."""
        if digest and digest not in self._images:
            try:
                found = self._config(digest, namespace)
            except (RuntimeFailed, ValueError):
                return ""
            if len(self._images) >= _MOST_IMAGES:
                self._images.clear()
            self._images[digest] = text(found)
        return self._images.get(digest, "").removeprefix("sha256:")[:12]

    def _config(self, digest: str, namespace: str) -> str:
        manifest = self._manifest(digest, namespace)
        machine = _MACHINES.get(os.uname().machine, "")
        for one in (manifest.manifests or [])[:_MOST]:
            if (one.platform or {}).get("architecture") in (machine, None):
                manifest = self._manifest(one.digest, namespace)
                break
        return "" if manifest.config is None else manifest.config.digest

    def _manifest(self, digest: str, namespace: str) -> _Manifest:
        answer = self._call("content.v1.Content/Read", pb.encode({1: digest}), namespace)
        return _decode(pb.raw(pb.decode(answer or b""), 2) or b"{}")

    def _namespaces(self, *, fresh: bool = False) -> tuple[str, ...]:
        until, known = self._listed
        if fresh or time.monotonic() > until:
            answer = self._call("namespaces.v1.Namespaces/List", b"", "")
            found = [pb.text(one, 1) for one in pb.messages(pb.decode(answer or b""), 1)][:_MOST]
            known = tuple(name for name in found if _ID.fullmatch(name))
            self._listed = time.monotonic() + _FRESH, known
        return known

    def _call(self, method: str, body: bytes, namespace: str) -> bytes | None:
        return self._client.call(
            f"{_SERVICES}.{method}", body, {"containerd-namespace": namespace} if namespace else {}
        )


def _spec(any_value: pb.Values) -> Spec:
    """Return the specification in a google.protobuf.Any; an empty one where it is of another kind."""
    try:
        return spec(pb.raw(any_value, 2))
    except ValueError:
        return Spec()


def _health(labels: Mapping[str, str]) -> Command | None:
    """Return the command of nerdctl's health check; None: it is not as it should be."""
    try:
        found = _decode_health(labels.get(_CHECKED, "{}"))
    except ValueError:
        return None
    return command(words(found.test))


def _pod(annotations: dict[str, str]) -> Pod:
    """Return what a specification says of its pod."""
    said = {
        name: text(annotations.get(f"{_ANNOTATED}sandbox-{name}", "")) for name in ("id", "name", "namespace", "uid")
    }
    return Pod(sandbox=said["id"], name=said["name"], namespace=said["namespace"], uid=said["uid"])


_decode = msgspec.json.Decoder(_Manifest).decode
_decode_health = msgspec.json.Decoder(Health).decode

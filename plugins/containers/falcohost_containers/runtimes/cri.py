"""Asks a runtime for what it knows of pods, by Kubernetes' Container Runtime Interface (k8s.io/cri-api, v1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from falcohost_containers.images import best
from falcohost_containers.rows import MOST_ENTRIES, PROPAGATION, Mount, Pod, Row, text, texts
from falcohost_containers.runtimes import protobuf as pb
from falcohost_containers.runtimes.applied import probes
from falcohost_containers.runtimes.docker import ID
from falcohost_containers.runtimes.grpc import Client

_RUNTIME: Final = "/runtime.v1.RuntimeService"
_IMAGES: Final = "/runtime.v1.ImageService"

# runtime.v1.NamespaceMode
_NODE: Final = 2


class Cri:
    """The runtime behind *client*'s socket."""

    def __init__(self, client: Client, *, folders: Sequence[Path] = (), longest: int = 100) -> None:
        self.name = "cri"
        self.types = frozenset({"cri"})
        self.ids = ID
        self.reads_files = False
        self._client = client
        self._folders = folders
        self._longest = longest

    def find(self, container: str) -> Row | None:
        """Return what the runtime says of a container, or of the sandbox of a pod."""
        for one in self._list("ListContainers", container):
            if pb.text(one, 1) == container:
                return self._container(one, container)
        for one in self._list("ListPodSandbox", container):
            if pb.text(one, 1) == container:
                return self._sandbox(one, container)
        return None

    def running(self) -> Iterable[str]:
        """Yield the ids of containers and sandboxes."""
        for method in ("ListContainers", "ListPodSandbox"):
            for one in self._list(method):
                if ID.fullmatch(found := pb.text(one, 1)):
                    yield found

    def folders(self) -> Sequence[Path]:
        """Return the folders in which the runtime makes something for each container."""
        return self._folders

    def _list(self, method: str, container: str = "") -> list[pb.Values]:
        asked = pb.encode({1: pb.encode({1: container})} if container else {})
        return pb.messages(self._asked(f"{_RUNTIME}/{method}", asked), 1)

    def _asked(self, method: str, body: bytes) -> pb.Values:
        return pb.decode(self._client.call(method, body) or b"")

    def _container(self, listed: pb.Values, container: str) -> Row:
        status = pb.message(self._asked(f"{_RUNTIME}/ContainerStatus", pb.encode({1: container})), 1)
        wanted = pb.text(pb.message(status, 8), 1) or pb.text(pb.message(listed, 4), 1)
        reference = pb.text(status, 9) or pb.text(listed, 5)
        image = self._image(reference or wanted)
        names = [*image.names, *([reference] if "@" in reference else [])]
        # What was asked for may be an id.
        name = best(names, "" if wanted.startswith("sha256:") or ID.fullmatch(wanted) else wanted)
        pod, shares, annotations = self._pod(pb.text(listed, 2))
        labels = pb.texts(status, 12) or pb.texts(listed, 8)
        called = text(pb.text(pb.message(status, 2), 1) or pb.text(pb.message(listed, 3), 1))
        liveness, readiness = probes(annotations, called)
        return Row(
            name=called,
            image=text(wanted),
            image_id=image.id[:12],
            repository=text(name.repository),
            tag=text(name.tag),
            digest=text(name.digest),
            ip=pod.ip,
            labels=texts(labels, self._longest),
            mounts=tuple(_mount(one) for one in pb.messages(status, 14)[:MOST_ENTRIES]),
            shares=shares,
            pod=pod,
            healthcheck=(),
            liveness=liveness,
            readiness=readiness,
        )

    def _sandbox(self, listed: pb.Values, sandbox: str) -> Row:
        pod, shares, _ = self._pod(sandbox)
        name = pod.name or text(pb.text(pb.message(listed, 2), 1))
        return Row(
            name=name,
            ip=pod.ip,
            labels=texts(pb.texts(listed, 5), self._longest),
            shares=shares,
            pod=pod,
            healthcheck=(),
        )

    def _pod(self, sandbox: str) -> tuple[Pod, frozenset[str] | None, Mapping[str, str]]:
        """Return the pod of a sandbox, which namespaces of the host it is in, and its annotations."""
        status = pb.message(self._asked(f"{_RUNTIME}/PodSandboxStatus", pb.encode({1: sandbox})), 1)
        if not status:
            return Pod(sandbox=text(sandbox)), None, {}
        about = pb.message(status, 2)
        options = pb.message(pb.message(pb.message(status, 6), 1), 2)
        pod = Pod(
            sandbox=text(sandbox),
            name=text(pb.text(about, 1)),
            namespace=text(pb.text(about, 3)),
            uid=text(pb.text(about, 2)),
            ip=text(pb.text(pb.message(status, 5), 1)),
            labels=texts(pb.texts(status, 7), self._longest),
        )
        modes = {"network": pb.number(options, 1), "pid": pb.number(options, 2), "ipc": pb.number(options, 3)}
        return pod, frozenset(name for name, mode in modes.items() if mode == _NODE), pb.texts(status, 8)

    def _image(self, name: str) -> _Image:
        answer = self._asked(f"{_IMAGES}/ImageStatus", pb.encode({1: pb.encode({1: name})}))
        image = pb.message(answer, 1)
        names = [
            one.decode(errors="replace") for field in (2, 3) for one in image.get(field, []) if isinstance(one, bytes)
        ]
        return _Image(pb.text(image, 1).removeprefix("sha256:"), names[:MOST_ENTRIES])


class _Image:
    """The id and the names of an image."""

    def __init__(self, ident: str, names: list[str]) -> None:
        self.id = text(ident)
        self.names = names


def _mount(one: pb.Values) -> Mount:
    propagation = PROPAGATION.get(pb.number(one, 5), "")
    return Mount(text(pb.text(one, 2)), text(pb.text(one, 1)), "", not pb.number(one, 3), propagation)

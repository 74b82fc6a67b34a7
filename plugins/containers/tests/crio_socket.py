"""Stands in for CRI-O at its socket, for tests: Debian has no package of CRI-O, and no registry has one.

It speaks gRPC over HTTP/2 at a real socket, as far as it is asked: the calls of ``runtime.v1`` (k8s.io/cri-api) that
list containers and sandboxes and tell their state. It answers as CRI-O's sources do (https://github.com/cri-o/cri-o,
``server``): a container is in no list before it is made, sandboxes are no containers, ids of images have no
``sha256:``, and what it does not have is no error in lists and images, but one in states.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from crio_storage import IMAGE, NAMES, UID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from stand_in_sockets import StandInSocket

from falcohost_containers.runtimes import protobuf as pb

IMAGE_ID: Final = "1" * 64
DIGEST: Final = f"sha256:{'3' * 64}"
ADDRESS: Final = "10.85.0.7"
_PREFIX: Final = struct.Struct(">?I")
_RUNNING: Final = 1
_NOT_FOUND, _UNIMPLEMENTED = "5", "12"
#: From container to host, read-only, propagation.
_MOUNTS: Final = (("/data", "/srv/data", 1, 0), ("/etc/hosts", "/var/lib/kubelet/hosts", 0, 1))


class _Refused(Exception):
    """The call ends with this status."""


class CrioSocket(StandInSocket):
    """CRI-O at the socket *path*, with a pod; use it as a context manager.

    :ivar made: the containers of the pod, as they are made.
    :ivar reference: what it says which image a container has: its id, or its name and digest.
    """

    def __init__(self, path: Path, sandbox: str, *containers: str, reference: str = IMAGE_ID) -> None:
        self.made = {*containers}
        self.reference = reference
        self._sandbox = sandbox
        super().__init__(path, lambda link: _serve(link, self._answer))

    def _answer(self, method: str, asked: pb.Values) -> bytes:
        """Return the answer to a call.

        :raises _Refused: it has none.
        """
        calls: Mapping[str, Callable[[pb.Values], bytes]] = {
            "/runtime.v1.RuntimeService/ListContainers": self._containers,
            "/runtime.v1.RuntimeService/ListPodSandbox": self._sandboxes,
            "/runtime.v1.RuntimeService/ContainerStatus": self._container,
            "/runtime.v1.RuntimeService/PodSandboxStatus": self._pod,
            "/runtime.v1.ImageService/ImageStatus": self._image,
        }
        if method not in calls:
            raise _Refused(_UNIMPLEMENTED)
        return calls[method](asked)

    def _containers(self, asked: pb.Values) -> bytes:
        wanted = pb.text(pb.message(asked, 1), 1)
        return _repeated(1, (self._listed(one) for one in sorted(self.made) if one.startswith(wanted)))

    def _sandboxes(self, asked: pb.Values) -> bytes:
        wanted = pb.text(pb.message(asked, 1), 1)
        one = pb.encode({1: self._sandbox, 2: _POD, 3: 0}) + _map(5, _POD_LABELS)
        return _repeated(1, [one] if self._sandbox.startswith(wanted) else [])

    def _listed(self, container: str) -> bytes:
        about = {1: container, 2: self._sandbox, 3: pb.encode({1: "web"}), 4: _ASKED_IMAGE, 5: self.reference}
        return pb.encode({**about, 6: _RUNNING}) + _map(8, _LABELS)

    def _container(self, asked: pb.Values) -> bytes:
        container = pb.text(asked, 1)
        if container not in self.made:
            raise _Refused(_NOT_FOUND)
        about = {1: container, 2: pb.encode({1: "web"}), 3: _RUNNING, 8: _ASKED_IMAGE, 9: self.reference}
        mounts = (pb.encode({1: inside, 2: host, 3: ro, 5: how}) for inside, host, ro, how in _MOUNTS)
        return pb.encode({1: pb.encode(about) + _map(12, _LABELS) + _repeated(14, mounts)})

    def _pod(self, asked: pb.Values) -> bytes:
        if pb.text(asked, 1) != self._sandbox:
            raise _Refused(_NOT_FOUND)
        namespaces = pb.encode({2: pb.encode({1: 2, 2: 1, 3: 0})})  # the host's network, a pid namespace of its own
        about = {1: self._sandbox, 2: _POD, 5: pb.encode({1: ADDRESS}), 6: pb.encode({1: namespaces})}
        return pb.encode({1: pb.encode(about) + _map(7, _POD_LABELS)})

    def _image(self, asked: pb.Values) -> bytes:
        if pb.text(pb.message(asked, 1), 1) not in (IMAGE_ID, f"{IMAGE}:2", f"{IMAGE}@{DIGEST}"):
            return b""
        return pb.encode({1: pb.encode({1: IMAGE_ID, 2: f"{IMAGE}:2", 3: f"{IMAGE}@{DIGEST}"})})


_POD: Final = pb.encode({1: "shop-0", 2: UID, 3: "prod"})
_POD_LABELS: Final = {**NAMES, "app": "shop"}
_LABELS: Final = {**NAMES, "io.kubernetes.container.name": "web"}
_ASKED_IMAGE: Final = pb.encode({1: f"{IMAGE}:2"})


def _repeated(number: int, messages: Iterable[bytes]) -> bytes:
    return b"".join(pb.encode({number: one}) for one in messages)


def _map(number: int, texts: Mapping[str, str]) -> bytes:
    return _repeated(number, (pb.encode({1: name, 2: value}) for name, value in texts.items()))


def _serve(link: socket.socket, answer: Callable[[str, pb.Values], bytes]) -> None:
    """Answer the calls of one connection."""
    http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    http.initiate_connection()
    methods: dict[int, str] = {}
    bodies: dict[int, bytes] = {}
    with link, contextlib.suppress(OSError):
        link.sendall(http.data_to_send())
        while data := link.recv(1 << 16):
            for event in http.receive_data(data):
                if isinstance(event, RequestReceived):
                    methods[event.stream_id], bodies[event.stream_id] = dict(event.headers)[":path"], b""
                elif isinstance(event, DataReceived):
                    bodies[event.stream_id] += event.data
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    _respond(http, event.stream_id, answer, methods.pop(event.stream_id), bodies.pop(event.stream_id))
            link.sendall(http.data_to_send())


def _respond(
    http: H2Connection, stream: int, answer: Callable[[str, pb.Values], bytes], method: str, body: bytes
) -> None:
    begin = [(":status", "200"), ("content-type", "application/grpc")]
    try:
        found = answer(method, pb.decode(body[_PREFIX.size :]))
    except _Refused as status:
        http.send_headers(stream, [*begin, ("grpc-status", str(status))], end_stream=True)
        return
    http.send_headers(stream, begin)
    http.send_data(stream, _PREFIX.pack(False, len(found)) + found)
    http.send_headers(stream, [("grpc-status", "0"), ("grpc-message", "")], end_stream=True)

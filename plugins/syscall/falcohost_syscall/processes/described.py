"""What a capture tells of containers: the events of Falco's plugin ``container``, and those of older captures.

Each has a container as JSON. Nothing in it is trusted: what is no such JSON tells nothing, and what is kept is bounded.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from falcohost.arguments import chosen
from falcohost_syscall.processes.cgroup_names import Container

#: Names of the plugin's events.
ADDED: Final = b"container"
REMOVED: Final = b"container_removed"
#: Most containers that are kept, and most bytes that were told of them, and of one of them.
MOST: Final = 4096
MOST_BYTES: Final = 32 << 20
MOST_BYTES_EACH: Final = 1 << 20

#: Falco's numbers of runtimes.
_TYPES: Final = {
    0: "docker", 1: "lxc", 2: "libvirt-lxc", 3: "mesos", 4: "rkt", 6: "cri", 7: "containerd", 8: "cri-o", 9: "bpm",
    11: "podman", 0xFFFE: "host",
}  # fmt: skip
#: How many characters of an id make the short one.
SHORT: Final = 12


class Mount(Struct, frozen=True, rename="pascal"):
    """A mount; its text is ``source:destination:mode:rw:propagation``."""

    source: str = ""
    destination: str = ""
    mode: str = ""
    rw: bool = msgspec.field(default=False, name="RW")
    propagation: str = ""

    def __str__(self) -> str:
        return ":".join((self.source, self.destination, self.mode, "true" if self.rw else "false", self.propagation))


class Described(Struct, frozen=True):
    """A container as a capture tells it; the members have the names that they have in the JSON.

    :ivar type: Falco's number of the runtime.
    """

    id: str = ""
    full_id: str = ""
    type: int = 0xFFFF
    name: str = ""
    image: str = ""
    imageid: str = ""
    imagerepo: str = ""
    imagetag: str = ""
    imagedigest: str = ""
    ip: str = ""
    cni_json: str = ""
    privileged: bool = False
    host_pid: bool = False
    host_network: bool = False
    host_ipc: bool = False
    labels: dict[str, str] | None = None
    mounts: tuple[Mount, ...] | None = msgspec.field(default=None, name="Mounts")
    pod_sandbox_id: str = ""
    pod_sandbox_labels: dict[str, str] | None = None

    @property
    def identity(self) -> Container:
        """Its ids and its runtime."""
        return Container(self.id, self.full_id or self.id, _TYPES.get(self.type, ""))

    @property
    def sandbox(self) -> str:
        """The short id of the sandbox of its pod."""
        return self.pod_sandbox_id[:SHORT]

    def mount(self, which: int | str, *, by_destination: bool) -> Mount | None:
        """Return the mount with this index, or the first whose source or destination this pattern matches somewhere."""
        return chosen(self.mounts or (), which, _destination if by_destination else _source)


def _source(mount: Mount) -> str:
    return mount.source


def _destination(mount: Mount) -> str:
    return mount.destination


class _Event(Struct, frozen=True):
    container: Described


_decode: Final = msgspec.json.Decoder(_Event).decode


def of_members(number: str, kind: int, name: str, image: str) -> bytes:
    """Return the JSON of a container of which only these are known, as of the oldest captures."""
    return msgspec.json.encode(_Event(Described(number, type=kind, name=name, image=image)))


class DescribedContainers:
    """The containers that a capture has told of so far, as text: as objects, small texts would take 30 times as much.

    :ivar last: the one that the last event about one has told; *has_any*: there was such an event.
    """

    def __init__(self) -> None:
        self.has_any = False
        self.last: Described | None = None
        self._known: dict[str, bytes] = {}
        self._size = 0
        self._decoded: dict[str, Described] = {}
        self._decoded_size = 0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, number: str) -> Described | None:
        """Return the container with this short id; None: the capture has told nothing of it."""
        found = self._decoded.get(number)
        if found is None and (text := self._known.get(number)) is not None:
            if self._decoded_size + len(text) > MOST_BYTES_EACH:
                self._decoded.clear()
                self._decoded_size = 0
            found = self._decoded[number] = _decode(text).container
            self._decoded_size += len(text)
        return found

    def pod(self, one: Described) -> Described | None:
        """Return what knows the pod of *one*: itself, or else the pod's sandbox; empty: it is in no pod."""
        if one.cni_json:
            return one
        return self.get(one.sandbox) if one.sandbox else Described()

    def tell(self, data: bytes, *, removed: bool = False) -> None:
        """Take note of a container that was added, or removed."""
        self.has_any, self.last = True, None
        text = data.split(b"\0", 1)[0]
        if len(text) > MOST_BYTES_EACH:
            return
        try:
            found = _decode(text).container
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        self.last = found
        self._forget(found.id)
        if removed:
            return
        self._known[found.id] = text
        self._size += len(text)
        while len(self._known) > MOST or self._size > MOST_BYTES:
            self._forget(next(iter(self._known)))

    def _forget(self, number: str) -> None:
        size = len(self._known.pop(number, b""))
        self._size -= size
        if self._decoded.pop(number, None) is not None:
            self._decoded_size -= size

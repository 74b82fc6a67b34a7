"""What is known of the file behind a descriptor of a captured process."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX
from typing import Final

from msgspec import Struct

from falcohost_syscall.events.sockets import CLIENT, LISTENING, SERVER, Endpoint
from falcohost_syscall.processes.open_files import NOT_TOLD
from falcohost_syscall.records.text import text
from falcohost_syscall.scap.addresses import unmapped
from falcohost_syscall.scap.lists import UNIX, ListedDescriptor
from falcohost_syscall.scap.sockets import NO_PROTOCOL, CapturedSocket, Ends, Interfaces

#: Falco's ``fd.type`` by the type of a listed descriptor.
_KINDS: Final = {
    1: "file",
    2: "directory",
    3: "ipv4",
    4: "ipv6",
    5: "ipv4",
    6: "ipv6",
    7: "pipe",
    8: "unix",
    9: "event",
    11: "signalfd",
    12: "eventpoll",
    13: "inotify",
    14: "timerfd",
    15: "netlink",
    16: "file",
    17: "bpf",
    18: "userfaultfd",
    19: "io_uring",
    20: "memfd",
    21: "pidfd",
}
FAMILIES: Final[dict[str, int]] = {"ipv4": AF_INET, "ipv6": AF_INET6, "unix": AF_UNIX, "netlink": AF_NETLINK}
KINDS: Final[dict[int, str]] = {family: kind for kind, family in FAMILIES.items()}
_L4: Final = {2: "tcp", 3: "udp", 4: "icmp", 5: "raw"}
_SERVERS: Final = (5, 6)
_IPV4: Final = 3
#: Falco's flags of an opened file: closed by an exec, and its layer in an overlay file system.
CLOEXEC: Final = 0x1000
_UPPER, _LOWER = 0x8000, 0x10000


class Descriptor(Struct, frozen=True, gc=False):
    """The file of a descriptor, which is also the ``FileFacts`` of an event.

    :ivar kind: Falco's ``fd.type``.
    :ivar flags: Falco's flags of its open.
    :ivar ends: the ends of a socket.
    :ivar pid: the process of a pidfd.
    :ivar passed: the path that was passed to open it; empty: not known, or there is none.
    """

    kind: str
    name: str = ""
    ino: int = 0
    dev: int = 0
    flags: int = 0
    ends: Ends | None = None
    pid: int = -1
    passed: str = ""

    @property
    def layer(self) -> int:
        """The layer in an overlay file system: 1 upper, 2 lower, 0 none."""
        return 1 if self.flags & _UPPER else 2 if self.flags & _LOWER else 0

    def socket(self, interfaces: Interfaces) -> CapturedSocket | None:
        """Return the socket with the roles of its ends; None if it is not a socket."""
        family = FAMILIES.get(self.kind)
        if self.ends is None or family is None:
            return None
        return CapturedSocket(family, self.name, self.ends, interfaces)


def listed(found: ListedDescriptor, servers: frozenset[int]) -> Descriptor:
    """Return a descriptor of a list; *servers* are the ports on which the machine's processes listen."""
    kind = _KINDS.get(found.type, NOT_TOLD)
    name = text(found.name)
    if found.ends is not None:
        return _listed_socket(found, servers)
    ends = None
    if found.type == UNIX:
        ends = Ends(role=SERVER if name else CLIENT)
    elif kind in FAMILIES:
        ends = Ends()
    return Descriptor(kind, name, found.ino, found.dev, found.flags & ~(_UPPER | _LOWER), ends)


def _listed_socket(found: ListedDescriptor, servers: frozenset[int]) -> Descriptor:
    assert found.ends is not None
    source, destination = Endpoint(*found.ends[:2]), Endpoint(*found.ends[2:])
    protocol = _L4.get(found.l4proto, NO_PROTOCOL)
    kind = _KINDS[found.type]
    if found.type in _SERVERS:
        return Descriptor(kind, str(source), found.ino, ends=Ends(protocol, source, destination, LISTENING))
    if unmapped(source) is not source and unmapped(destination) is not destination:
        kind, source, destination = "ipv4", unmapped(source), unmapped(destination)
    role = None
    if kind == "ipv4":
        role = SERVER if source.port in servers else CLIENT
        if role == SERVER:
            source, destination = destination, source
    ends = Ends(protocol, source, destination, role, connected=protocol == "tcp")
    return Descriptor(kind, f"{source}->{destination}", found.ino, ends=ends)


def server_ports(lists: list[ListedDescriptor]) -> set[int]:
    """Return the ports on which IPv4 sockets of *lists* listen."""
    return {one.ends[1] for one in lists if one.type in _SERVERS and one.ends is not None}

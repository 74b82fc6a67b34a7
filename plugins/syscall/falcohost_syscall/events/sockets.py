"""Sockets as rules see them: family, ends, roles, and the names that Falco gives them.

connect(2) and accept(2) show which end is the client. For sockets whose connect or accept was not seen the kernel knows
it of TCP, from the backlog that a connection has from its listener; else it is inferred from the ports.
"""

from __future__ import annotations

import os
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX
from sys import byteorder
from typing import NamedTuple, TypeVar

from falcohost.digest import blake2b
from falcohost_syscall.records.text import text

Address = IPv4Address | IPv6Address
_T = TypeVar("_T")
CLIENT, SERVER, LISTENING = "client", "server", "listening"

_STREAM, _DGRAM, _RAW = 1, 2, 3
_ICMP = (1, 58)
_IP = (AF_INET, AF_INET6)
_KINDS: dict[int, str] = {AF_INET6: "ipv6", AF_UNIX: "unix", AF_NETLINK: "netlink"}
_TCP_LISTEN = 10
_MAPPED = bytes(10) + b"\xff\xff"
#: Number of sockets whose role or last destination is remembered.
LIMIT = 8192
# The kernel's default ip_local_port_range begins here; the ports that IANA leaves to clients (49152) are above it too.
EPHEMERAL = 32768


class Endpoint(NamedTuple):
    """An address and a port, or the path of an AF_UNIX socket; *path* is None for an address."""

    ip: bytes = b""
    port: int = 0
    path: str | None = None

    @property
    def set(self) -> bool:
        """Whether the address or the port is set."""
        return self.port != 0 or any(self.ip)

    @property
    def address(self) -> Address:
        """The address; an IPv4 address that is mapped into IPv6 is returned as IPv4."""
        return address_of(self.ip)

    def __str__(self) -> str:
        return f"{address_of(self.ip)}:{self.port}" if len(self.ip) != 0 else ""


@lru_cache(4096)
def address_of(ip: bytes) -> Address:
    """Return the address in *ip* (4 or 16 bytes); an IPv4 address that is mapped into IPv6 is returned as IPv4."""
    if len(ip) == 4:
        return IPv4Address(ip)
    if ip.startswith(_MAPPED):
        return IPv4Address(ip[12:])
    return IPv6Address(ip)


def parse_sockaddr(data: bytes) -> tuple[int, Endpoint] | None:
    """Return family and end of a ``struct sockaddr``; None if it is cut short, an empty end for other families."""
    if len(data) < 2:
        return None
    family = int.from_bytes(data[:2], byteorder)
    if family == AF_INET and len(data) >= 8:
        return family, Endpoint(data[4:8], int.from_bytes(data[2:4], "big"))
    if family == AF_INET6 and len(data) >= 24:
        return family, Endpoint(data[8:24], int.from_bytes(data[2:4], "big"))
    if family == AF_UNIX:
        return family, Endpoint(path=unix_path(data[2:]))
    return family, Endpoint()


def unix_path(data: bytes) -> str:
    """Return the path of an AF_UNIX address; an abstract one begins with ``@``."""
    if data.startswith(b"\0"):
        name = data[1:].rstrip(b"\0")
        return "@" + text(name) if name else ""
    return text(data.split(b"\0", 1)[0])


_SECRET = os.urandom(32)


@lru_cache(512)  # of those in use: each connection has new ones, and a table of thousands only grew the worker by 1 MB
def stand_in(address: int) -> str:
    """Return a pseudonym for the kernel object at *address*, so that alerts do not reveal kernel addresses."""
    return blake2b(address.to_bytes(8, "little"), digest_size=8, key=_SECRET).hexdigest() if address else "0"


def render_sockaddr(data: bytes) -> str | None:
    """Return the text that Falco shows for an address parameter."""
    parsed = parse_sockaddr(data)
    if parsed is None:
        return None
    family, end = parsed
    if family == AF_UNIX:
        return end.path or ""
    return str(end) if end.ip else f"family {family}"


class Socket:
    """The socket of one event.

    :ivar family, type, state: Linux's numbers (``AF_…``, ``SOCK_…``, ``TCP_…``).
    :ivar own_path, peer_path: the paths of the ends of an AF_UNIX socket.
    :ivar accepted: the kernel knows that a listener accepted it; of one that listened with a backlog of 0 it does not.
    """

    __slots__ = (
        "_ends",
        "_role",
        "accepted",
        "connected",
        "family",
        "ino",
        "l4proto",
        "local",
        "own_path",
        "peer_path",
        "remote",
        "state",
        "type",
    )

    def __init__(
        self,
        family: int,
        kind: int,
        protocol: int,
        local: Endpoint,
        remote: Endpoint,
        state: int = 0,
        connected: bool = False,
        ino: int = 0,
        paths: tuple[str, str] = ("", ""),
        ends: tuple[int, int] = (0, 0),
        accepted: bool = False,
    ) -> None:
        self.family, self.type, self.state = family, kind, state
        self.local, self.remote = local, remote
        self.connected = connected or remote.set
        self.accepted = accepted
        self.l4proto = _l4proto(kind, protocol) if family in _IP else "<NA>"
        self.ino = ino
        self.own_path, self.peer_path = paths
        self._ends = ends
        self._role: str | None = None

    @property
    def is_ip(self) -> bool:
        """Whether it is an IPv4 or IPv6 socket."""
        return self.family in _IP

    @property
    def kind(self) -> str:
        """Falco's ``fd.type``."""
        if self.family == AF_INET or (self.family == AF_INET6 and self._mapped):
            return "ipv4"
        return _KINDS.get(self.family, "<NA>")

    @property
    def _mapped(self) -> bool:
        known = self.remote.ip if any(self.remote.ip) else self.local.ip
        return known.startswith(_MAPPED)

    @property
    def source(self) -> Endpoint:
        """The client's end."""
        return self.local if self._role == CLIENT else self.remote

    @property
    def destination(self) -> Endpoint:
        """The server's end."""
        return self.remote if self._role == CLIENT else self.local

    @property
    def role(self) -> str | None:
        """The role of this end: client, server, or listening (there is no other end); None: no end is known."""
        return self._role

    @property
    def name(self) -> str:
        """Falco's ``fd.name``."""
        if self.is_ip:
            if self._role is None:
                return ""
            if self._role == LISTENING:
                return str(self.local)
            return f"{self.source}->{self.destination}"
        if self.family == AF_UNIX:
            return self._unix_name()
        return ""

    @property
    def ends(self) -> tuple[str, str]:
        """Pseudonyms of this end of an AF_UNIX socket and of the other; ``0`` if there is no such end."""
        return stand_in(self._ends[0]), stand_in(self._ends[1])

    def _unix_name(self) -> str:
        own, peer = self.ends
        path = self.peer_path or self.own_path
        if not self._ends[1] or not path:  # no other end, or a pair without names
            return path
        return f"{peer}->{own} {self.own_path}" if self._role == SERVER else f"{own}->{peer} {path}"

    @property
    def tuple(self) -> str | None:
        """The text that Falco shows for a tuple parameter."""
        return self.name or None

    def towards(self, end: Endpoint) -> None:
        """Use the address that the caller passed as the other end, if the socket has none."""
        if self.family == AF_UNIX:
            self.peer_path = end.path or self.peer_path
        elif end.ip and len(end.ip) == len(self.local.ip):
            self.remote = end

    def reached_by(self, path: str) -> None:
        """Replace the bound or passed address of an AF_UNIX socket by the path of its file.

        It is the other end's address if that end has one, else this end's.
        """
        if self.connected:
            self.peer_path = path
        elif self.own_path and not self.peer_path:
            self.own_path = path

    def settle(self, role: str | None, incoming: bool = False) -> None:
        """Set the role of this end; None: infer it from state, ports and whether the event received something."""
        self._role = role or self._guess(incoming)

    def _guess(self, incoming: bool) -> str | None:
        if self.family == AF_UNIX:
            return SERVER if self.own_path and not self.peer_path else CLIENT
        if self.state == _TCP_LISTEN and self.type == _STREAM:
            return LISTENING
        if not self.remote.set:
            return LISTENING if self.local.set else None
        if self.accepted or self.remote.port >= EPHEMERAL > self.local.port > 0:
            return SERVER
        answered = self.local.port >= EPHEMERAL > self.remote.port
        return SERVER if incoming and self.type == _DGRAM and not answered else CLIENT


class SocketMemory(NamedTuple):
    """What is remembered of sockets, by inode: the roles of their ends, and the last destinations."""

    roles: dict[int, str]
    last: dict[int, tuple[bytes, int]]


class Sockets:
    """Remembers roles and last destinations of sockets, of the latest :data:`LIMIT` ones."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._roles: dict[int, str] = {}
        self._last: dict[int, tuple[bytes, int]] = {}

    def role(self, ino: int) -> str | None:
        """Return the role of the socket's end, if its connect or accept was seen."""
        return self._roles.get(ino)

    def note(self, ino: int, role: str) -> None:
        """Remember the role of the socket's end."""
        self._put(self._roles, ino, role)

    def moved(self, ino: int, end: Endpoint) -> bool:
        """Return whether the socket sends to another end than last time; remember the new end."""
        last, now = self._last.get(ino), (end.ip, end.port)
        self._put(self._last, ino, now)
        return last != now

    def known(self) -> SocketMemory:
        """Return what is remembered."""
        return SocketMemory(dict(self._roles), dict(self._last))

    def remember(self, memory: SocketMemory) -> None:
        """Remember this too."""
        for ino, role in memory.roles.items():
            self._put(self._roles, ino, role)
        for ino, end in memory.last.items():
            self._put(self._last, ino, end)

    def _put(self, table: dict[int, _T], ino: int, value: _T) -> None:
        table.pop(ino, None)
        if len(table) >= self._limit:
            del table[next(iter(table))]
        table[ino] = value


def _l4proto(kind: int, protocol: int) -> str:
    if protocol in _ICMP:
        return "icmp"
    return {_STREAM: "tcp", _DGRAM: "udp", _RAW: "raw"}.get(kind, "<NA>")

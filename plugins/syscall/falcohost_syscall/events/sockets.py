"""Sockets as rules see them: family, both ends, who is the client, and the names that Falco gives them.

Which end is the client is known from connect(2) and accept(2); for sockets whose connect or accept was not seen it is
told by the ports.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address
from secrets import token_bytes
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX
from sys import byteorder
from typing import NamedTuple, TypeVar

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
#: Sockets whose role or last destination is remembered.
LIMIT = 8192
# The kernel's default for ip_local_port_range begins here; so do ports that IANA leaves to clients (49152) lie above.
EPHEMERAL = 32768


class Endpoint(NamedTuple):
    """An address and port, or (AF_UNIX) a path; *port* and *path* tell which."""

    ip: bytes = b""
    port: int = 0
    path: str | None = None

    @property
    def set(self) -> bool:
        """Return whether it says anything."""
        return self.port != 0 or any(self.ip)

    @property
    def address(self) -> Address:
        """Return the address; one of IPv4 that is mapped into IPv6 as what it is."""
        return address_of(self.ip)

    def __str__(self) -> str:
        return f"{address_of(self.ip)}:{self.port}" if len(self.ip) != 0 else ""


@lru_cache(4096)
def address_of(ip: bytes) -> Address:
    """Return the address in *ip* (4 or 16 bytes)."""
    if len(ip) == 4:
        return IPv4Address(ip)
    if ip.startswith(_MAPPED):
        return IPv4Address(ip[12:])
    return IPv6Address(ip)


def parse_sockaddr(data: bytes) -> tuple[int, Endpoint] | None:
    """Return family and end of a ``struct sockaddr``, or None if it is cut short; other families have an empty end."""
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


_SECRET = token_bytes(32)


@lru_cache(4096)
def stand_in(address: int) -> str:
    """Return what stands for the kernel's object at *address*: where that lies an alert does not tell."""
    return blake2b(address.to_bytes(8, "little"), digest_size=8, key=_SECRET).hexdigest() if address else "0"


def render_sockaddr(data: bytes) -> str | None:
    """Return what Falco shows for an address parameter."""
    parsed = parse_sockaddr(data)
    if parsed is None:
        return None
    family, end = parsed
    if family == AF_UNIX:
        return end.path or ""
    return str(end) if end.ip else f"family {family}"


class Socket:
    """The socket of one event.

    :ivar family, type, state: numbers of Linux (``AF_…``, ``SOCK_…``, ``TCP_…``).
    :ivar own_path, peer_path: of AF_UNIX.
    """

    __slots__ = (
        "_ends",
        "_role",
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
    ) -> None:
        self.family, self.type, self.state = family, kind, state
        self.local, self.remote = local, remote
        self.connected = connected or remote.set
        self.l4proto = _l4proto(kind, protocol) if family in _IP else "<NA>"
        self.ino = ino
        self.own_path, self.peer_path = paths
        self._ends = ends
        self._role: str | None = None

    @property
    def is_ip(self) -> bool:
        """Return whether it is a socket of IPv4 or IPv6."""
        return self.family in _IP

    @property
    def kind(self) -> str:
        """Return Falco's ``fd.type`` for it."""
        if self.family == AF_INET or (self.family == AF_INET6 and self._mapped):
            return "ipv4"
        return _KINDS.get(self.family, "<NA>")

    @property
    def _mapped(self) -> bool:
        known = self.remote.ip if any(self.remote.ip) else self.local.ip
        return known.startswith(_MAPPED)

    @property
    def source(self) -> Endpoint:
        """Return the client's end."""
        return self.local if self._role == CLIENT else self.remote

    @property
    def destination(self) -> Endpoint:
        """Return the server's end."""
        return self.remote if self._role == CLIENT else self.local

    @property
    def role(self) -> str | None:
        """Return what this end is: client, server, or listening (it has no other end); None: neither is known."""
        return self._role

    @property
    def name(self) -> str:
        """Return Falco's ``fd.name``."""
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
        """Return what stands for this end of an AF_UNIX socket and for the other, ``0`` where there is none."""
        return stand_in(self._ends[0]), stand_in(self._ends[1])

    def _unix_name(self) -> str:
        own, peer = self.ends
        path = self.peer_path or self.own_path
        if not self._ends[1] or not path:  # nobody there, or a pair without names
            return path
        return f"{peer}->{own} {self.own_path}" if self._role == SERVER else f"{own}->{peer} {path}"

    @property
    def tuple(self) -> str | None:
        """Return what Falco shows for a tuple parameter."""
        return self.name or None

    def towards(self, end: Endpoint) -> None:
        """Take the address that the caller passed as the other end, where the socket itself has none."""
        if self.family == AF_UNIX:
            self.peer_path = end.path or self.peer_path
        elif end.ip and len(end.ip) == len(self.local.ip):
            self.remote = end

    def reached_by(self, path: str) -> None:
        """Take the path of the file that an AF_UNIX socket is reached by for the address that was bound or passed.

        It is the other end's, if that has an address, else this one's.
        """
        if self.connected:
            self.peer_path = path
        elif self.own_path and not self.peer_path:
            self.own_path = path

    def settle(self, role: str | None, incoming: bool = False) -> None:
        """Say what this end is; None: tell by state, ports, and whether the event is about something that came in."""
        self._role = role or self._guess(incoming)

    def _guess(self, incoming: bool) -> str | None:
        if self.family == AF_UNIX:
            return SERVER if self.own_path and not self.peer_path else CLIENT
        if self.state == _TCP_LISTEN and self.type == _STREAM:
            return LISTENING
        if not self.remote.set:
            return LISTENING if self.local.set else None
        if self.remote.port >= EPHEMERAL > self.local.port > 0:
            return SERVER
        answered = self.local.port >= EPHEMERAL > self.remote.port
        return SERVER if incoming and self.type == _DGRAM and not answered else CLIENT


class Sockets:
    """What was seen of sockets before: which end connected, and where each last sent to. Bounded, oldest first out."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._roles: dict[int, str] = {}
        self._last: dict[int, tuple[bytes, int]] = {}

    def role(self, ino: int) -> str | None:
        """Return what the socket's end is, if its connect or accept was seen."""
        return self._roles.get(ino)

    def note(self, ino: int, role: str) -> None:
        """Remember what the socket's end is."""
        self._put(self._roles, ino, role)

    def moved(self, ino: int, end: Endpoint) -> bool:
        """Return whether the socket sends to another end than last time, and remember it."""
        last, now = self._last.get(ino), (end.ip, end.port)
        self._put(self._last, ino, now)
        return last != now

    def _put(self, table: dict[int, _T], ino: int, value: _T) -> None:
        table.pop(ino, None)
        if len(table) >= self._limit:
            del table[next(iter(table))]
        table[ino] = value


def _l4proto(kind: int, protocol: int) -> str:
    if protocol in _ICMP:
        return "icmp"
    return {_STREAM: "tcp", _DGRAM: "udp", _RAW: "raw"}.get(kind, "<NA>")

"""The sockets of a capture: what is known of them, and how fields read it."""

from __future__ import annotations

from collections.abc import Iterable
from socket import AF_INET, AF_INET6
from typing import Final

from msgspec import Struct

from falcohost_syscall.events.sockets import LISTENING, Endpoint, Socket

_NOWHERE: Final = Endpoint()
#: The name of no protocol, and of one for which the role of the socket does not count.
NO_PROTOCOL: Final = "<NA>"
_RAW: Final = "raw"
_LOOPBACK: Final = (b"\x7f\0\0\1", bytes(15) + b"\1")
_SUBNET: Final = 8


class Ends(Struct, frozen=True, gc=False):
    """Protocol and both ends of a socket, and the role of this end (:mod:`falcohost_syscall.events.sockets`).

    *source* is the client's end once the role is known.
    """

    protocol: str = NO_PROTOCOL
    source: Endpoint = _NOWHERE
    destination: Endpoint = _NOWHERE
    role: str | None = None
    connected: bool = False


class Interfaces:
    """The addresses of the captured machine, which tell which end of a socket is its own."""

    def __init__(self) -> None:
        self._known: list[tuple[bytes, bytes]] = []

    def add(self, address: bytes, mask: bytes) -> None:
        """Add the address of an interface."""
        self._known.append((address, mask))

    def replace(self, known: Iterable[tuple[bytes, bytes]]) -> None:
        """Take note that these are all addresses, each with its mask."""
        self._known = [*known]

    def has(self, ip: bytes) -> bool:
        """Return whether it is an address of the machine; of IPv6 addresses the subnet counts."""
        if len(ip) == 4:
            return any(ip == known for known, _ in self._known)
        return any(len(known) == len(ip) and ip[:_SUBNET] == known[:_SUBNET] for known, _ in self._known)

    def own(self, other: bytes) -> bytes:
        """Return the address from which the machine would reach *other*."""
        same = [entry for entry in self._known if len(entry[0]) == len(other)]
        number = int.from_bytes(other, "big")
        for known, mask in same:
            bits = int.from_bytes(mask, "big") if len(other) == 4 else ((1 << 64) - 1) << 64
            if int.from_bytes(known, "big") & bits == number & bits:
                return known
        return next((known for known, _ in same if known not in _LOOPBACK), bytes(len(other)))


class CapturedSocket(Socket):
    """The socket of one event of a capture; its name is the text that Falco keeps for it."""

    __slots__ = ("_destination", "_name", "_source")

    def __init__(self, family: int, name: str, ends: Ends, interfaces: Interfaces) -> None:
        own = ends.source if ends.role == LISTENING or interfaces.has(ends.source.ip) else ends.destination
        other = ends.destination if own is ends.source else ends.source
        super().__init__(family, 0, 0, own, other, connected=ends.connected)
        self._name = name
        self._source, self._destination = ends.source, ends.destination
        self._role = ends.role
        known = family in (AF_INET, AF_INET6) and (ends.role is not None or ends.protocol == _RAW)
        self.l4proto = ends.protocol if known else NO_PROTOCOL
        self.connected = ends.connected

    @property
    def source(self) -> Endpoint:
        """The client's end."""
        return self._source

    @property
    def destination(self) -> Endpoint:
        """The server's end."""
        return self._destination

    @property
    def name(self) -> str:
        """Falco's ``fd.name``."""
        return self._name

"""Reads addresses in parameters of captures, ``sockaddr`` and ``socktuple``, and shows them as Falco does."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, AF_UNIX
from struct import Struct
from typing import Final, NamedTuple

from falcohost_syscall.events.sockets import Endpoint, unix_path

_PORT: Final = Struct("<H")
_OBJECTS: Final = Struct("<2Q")
_SIZES: Final[dict[int, int]] = {AF_INET: 4, AF_INET6: 16}
_MAPPED: Final = bytes(10) + b"\xff\xff"


class Tuple(NamedTuple):
    """Both ends of a socket; *objects* are the kernel objects at the ends of an AF_UNIX socket."""

    family: int
    source: Endpoint
    destination: Endpoint
    objects: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        if self.family == AF_UNIX:
            return unix_name(self.objects, self.destination.path or "")
        return f"{self.source}->{self.destination}"


def unix_name(objects: tuple[int, int], path: str) -> str:
    """Return what Falco calls an AF_UNIX socket."""
    return f"{objects[0]:x}->{objects[1]:x} {path}"


def read_tuple(data: bytes) -> Tuple | None:
    """Return the ends in a ``socktuple``; None if it is too short or of another family.

    IPv4 addresses that are mapped into IPv6 are IPv4 addresses, if both ends have one; no address counts as one, too.
    """
    if not data:
        return None
    family, rest = data[0], data[1:]
    if family == AF_UNIX and len(rest) >= _OBJECTS.size:
        path = unix_path(rest[_OBJECTS.size :])
        return Tuple(family, Endpoint(), Endpoint(path=path), _OBJECTS.unpack_from(rest))
    size = _SIZES.get(family)
    end = None if size is None else size + _PORT.size
    if end is None or len(rest) < 2 * end:
        return None
    source, destination = _end(rest[:end]), _end(rest[end : 2 * end])
    if family == AF_INET6 and all(end.ip.startswith(_MAPPED) or not any(end.ip) for end in (source, destination)):
        family, source, destination = AF_INET, _last_four(source), _last_four(destination)
    return Tuple(family, source, destination)


def unmapped(end: Endpoint) -> Endpoint:
    """Return *end* with the IPv4 address that is mapped into its IPv6 address, if it is."""
    return _last_four(end) if end.ip.startswith(_MAPPED) else end


def _last_four(end: Endpoint) -> Endpoint:
    return Endpoint(end.ip[12:], end.port)


def _end(data: bytes) -> Endpoint:
    return Endpoint(data[: -_PORT.size], _PORT.unpack(data[-_PORT.size :])[0])


def as_sockaddr(data: bytes) -> bytes | None:
    """Return a parameter as a ``struct sockaddr``; None if it is too short."""
    if not data:
        return None
    family, rest = data[0], data[1:]
    head = family.to_bytes(2, "little")
    size = _SIZES.get(family)
    if size is None:
        return head + rest if family == AF_UNIX else head
    if len(rest) < size + _PORT.size:
        return None
    end = _end(rest[: size + _PORT.size])
    head += end.port.to_bytes(2, "big")
    return head + end.ip + bytes(8) if family == AF_INET else head + bytes(4) + end.ip + bytes(4)

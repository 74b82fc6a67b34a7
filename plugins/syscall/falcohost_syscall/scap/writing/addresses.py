"""Writes addresses as parameters of captures: ``sockaddr`` and ``socktuple``.

It is the counterpart of :mod:`falcohost_syscall.scap.addresses`.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, AF_UNIX
from struct import Struct
from typing import Final

from falcohost_syscall.events.sockets import Endpoint, Socket, parse_sockaddr

_PORT: Final = Struct("<H")
_OBJECTS: Final = Struct("<2Q")
_SIZES: Final[dict[int, int]] = {AF_INET: 4, AF_INET6: 16}


def sockaddr(data: bytes) -> bytes:
    """Return a ``struct sockaddr`` as a parameter; nothing for an address of another family."""
    found = parse_sockaddr(data)
    if found is None:
        return b""
    family, end = found
    if family == AF_UNIX:
        return bytes((family,)) + data[2:].rstrip(b"\0") + b"\0"
    return address(family, end) if family in _SIZES and end.ip else b""


def address(family: int, end: Endpoint) -> bytes:
    """Return the end of an IP socket as a parameter."""
    return bytes((family,)) + _end(family, end)


def _end(family: int, end: Endpoint) -> bytes:
    size = _SIZES[family]
    return end.ip.ljust(size, b"\0")[:size] + _PORT.pack(end.port)


def socktuple(found: Socket, *, incoming: bool) -> bytes:
    """Return both ends of a socket as a parameter: where something comes from, then where it goes."""
    if found.family == AF_UNIX:
        own, peer = (int(name, 16) for name in found.ends)
        path = (found.own_path if incoming else found.peer_path).encode(errors="replace")
        return unix_tuple((peer, own) if incoming else (own, peer), path)
    if found.family not in _SIZES or not (found.local.set or found.remote.set):
        return b""
    ends = (found.remote, found.local) if incoming else (found.local, found.remote)
    return ip_tuple(found.family, *ends)


def ip_tuple(family: int, source: Endpoint, destination: Endpoint) -> bytes:
    """Return both ends of an IP socket as a parameter."""
    return bytes((family,)) + _end(family, source) + _end(family, destination)


def unix_tuple(objects: tuple[int, int], path: bytes) -> bytes:
    """Return both ends of an AF_UNIX socket as a parameter."""
    return bytes((AF_UNIX,)) + _OBJECTS.pack(*objects) + path + b"\0"

"""Builds a record's socket, as it was when the call returned."""

from __future__ import annotations

from socket import AF_INET, AF_INET6

from falcohost_syscall.events.sockets import Endpoint, Socket, unix_path
from falcohost_syscall.records.record import SOCKINFO

_ADDRESS_SIZES = {AF_INET: 4, AF_INET6: 16}


def socket_of(data: bytes, own: bytes | None, peer: bytes | None) -> Socket:
    """Return the socket in a ``struct sockinfo``; *own* and *peer* are the addresses of an AF_UNIX socket."""
    family, kind, protocol, state, lport, rport, accepted, *more = SOCKINFO.unpack_from(data)
    laddr, raddr, ino, own_end, peer_end = more
    size = _ADDRESS_SIZES.get(family, 0)
    return Socket(
        family,
        kind,
        protocol,
        Endpoint(laddr[:size], lport),
        Endpoint(raddr[:size], rport),
        state,
        bool(peer),
        ino,
        (unix_path(own) if own else "", unix_path(peer) if peer else ""),
        (own_end, peer_end),
        accepted=bool(accepted),
    )

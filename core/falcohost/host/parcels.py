"""What is kept of a source (:mod:`falcohost.kept`), in one descriptor: so it can be stored, and handed to a successor.

A parcel is a socket whose other end is closed, with messages that were not read: a list and descriptors, and where one
message has no room for all, more of these. Looking at it (``MSG_PEEK``, recv(2)) leaves it as it is, so that whoever
ends while looking loses nothing.
"""

from __future__ import annotations

import os
import socket
import struct
from itertools import chain
from typing import Annotated, Final

import msgspec

from falcohost.handed import MOST_HELD
from falcohost.host.kept_descriptors import MOST_SENT, Kept, in_parts

#: The version of the list below.
_FORMAT: Final = 1
_SIZE: Final = 1 << 16
_INT: Final = struct.Struct("i")
_CREDENTIALS: Final = struct.Struct("3i")
_FLAGS: Final = socket.MSG_PEEK | socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
#: Where ``MSG_PEEK`` looks, in bytes, and goes on from there; -1: always at the first message (socket(7)).
_SO_PEEK_OFF: Final = 42

_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_HELD)]


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    source: Annotated[str, msgspec.Meta(max_length=1024)]
    counts: dict[str, _Count]
    held: dict[str, _Count]


def packed(source: str, kept: Kept) -> socket.socket:
    """Return a parcel with duplicates of what is *kept* of *source*.

    :raises OSError: there can be none.
    """
    counts = {name: len(those) for name, those in kept.descriptors.items()}
    held = {name: len(those) for name, those in kept.held.items()}
    parcel, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with there:
            first, *parts = in_parts([*chain(*kept.descriptors.values(), *kept.held.values())])
            socket.send_fds(there, [_encode(_List(_FORMAT, source, counts, held))], first)
            for part in parts:
                socket.send_fds(there, [b"\0"], part)
    except BaseException:
        parcel.close()
        raise
    return parcel


def unpacked(descriptor: int) -> tuple[str, Kept]:
    """Return the source of a parcel, and duplicates of what was kept of it. The parcel stays as it is.

    :raises ValueError: it is no parcel that a process of this user has made, or none of this version.
    """
    own = os.dup(descriptor)
    try:
        parcel = socket.socket(fileno=own)
    except OSError as error:
        os.close(own)
        raise ValueError("it is no socket") from error
    with parcel:
        if (parcel.family, parcel.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
            raise ValueError("it is another kind of socket")
        _, user, _ = _CREDENTIALS.unpack(parcel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if user != os.geteuid():
            raise ValueError(f"it was made by user {user}")
        return _looked_into(parcel)


def _looked_into(parcel: socket.socket) -> tuple[str, Kept]:
    arrived: list[int] = []
    kept = Kept.arrived(arrived)
    parcel.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
    try:
        found = _decode(_message(parcel, arrived))
        if found.format != _FORMAT:
            raise ValueError("it is of another version")
        count = sum(found.counts.values()) + sum(found.held.values())
        while MOST_SENT <= len(arrived) < count:
            _message(parcel, arrived)
        if not kept.take(found.counts, found.held):
            raise ValueError("it has other descriptors than it says")
    except ValueError:
        kept.close()
        raise
    finally:
        parcel.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, -1)
    return found.source, kept


def _message(parcel: socket.socket, arrived: list[int]) -> bytes:
    """Return the data of the next message, and add duplicates of its descriptors to those that have *arrived*."""
    try:
        data, ancillary, flags, _ = parcel.recvmsg(_SIZE, socket.CMSG_SPACE(MOST_SENT * _INT.size), _FLAGS)
    except OSError as error:
        raise ValueError("it is empty") from error
    if not data:
        raise ValueError("it is empty, or has less than it says")
    for level, kind, rights in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            arrived += [number for (number,) in _INT.iter_unpack(rights)]
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise ValueError("it is of another version")
    return data


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_List).decode

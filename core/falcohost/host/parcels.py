"""What is kept of a source (:mod:`falcohost.kept`), in one descriptor: so it can be stored, and handed to a successor.

A parcel is a socket whose other end is closed, with one message that was not read: a list, and the descriptors. Looking
at it (``MSG_PEEK``, recv(2)) leaves it as it is, so that whoever ends while looking loses nothing.
"""

from __future__ import annotations

import os
import socket
import struct
from itertools import chain
from typing import Annotated, Final

import msgspec

from falcohost.handed import MOST_KEPT
from falcohost.host.kept_descriptors import Kept

#: The version of the list below.
_FORMAT: Final = 1
_SIZE: Final = 1 << 16
_INT: Final = struct.Struct("i")
_CREDENTIALS: Final = struct.Struct("3i")
_FLAGS: Final = socket.MSG_PEEK | socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC

_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_KEPT)]


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
            data = _encode(_List(_FORMAT, source, counts, held))
            socket.send_fds(there, [data], [*chain(*kept.descriptors.values(), *kept.held.values())])
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
        try:
            data, ancillary, flags, _ = parcel.recvmsg(_SIZE, socket.CMSG_SPACE(MOST_KEPT * _INT.size), _FLAGS)
        except OSError as error:
            raise ValueError("it is empty") from error
    rights = b"".join(one for level, kind, one in ancillary if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS))
    kept = Kept.arrived([number for (number,) in _INT.iter_unpack(rights)])
    try:
        found = _decode(data)
        if found.format != _FORMAT or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ValueError("it is of another version")
        if not kept.take(found.counts, found.held):
            raise ValueError("it has other descriptors than it says")
    except ValueError:
        kept.close()
        raise
    return found.source, kept


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_List).decode

"""Sends and receives descriptors with data on a unix socket.

``send_fds`` and ``recv_fds`` of Python's :mod:`socket` ignore their flags.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence

_INT = struct.Struct("i")


def send_with(link: socket.socket, data: bytes | memoryview, descriptors: Sequence[int]) -> int:
    """Send *data*, or its beginning, with duplicates of *descriptors*; return how many bytes were sent.

    :raises OSError: nothing can be sent now, or the other end is gone.
    """
    rights = b"".join(map(_INT.pack, descriptors))
    return link.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_DONTWAIT)


def check_room(count: int) -> None:
    """Check that this process can have *count* more descriptors now, before it begins what cannot be left half done.

    :raises OSError: it cannot.
    """
    tried: list[int] = []
    try:
        tried.extend(os.eventfd(0, os.EFD_CLOEXEC) for _ in range(count))
    finally:
        for descriptor in tried:
            os.close(descriptor)


def receive_with(link: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Return at most *size* bytes that have arrived, and at most *most* descriptors that came with them.

    :raises OSError: nothing has arrived, or the other end is gone.
    """
    flags = socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT
    data, ancillary, _, _ = link.recvmsg(size, socket.CMSG_SPACE(most * _INT.size), flags)
    return data, [
        number
        for level, kind, rights in ancillary
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        for (number,) in _INT.iter_unpack(rights[: len(rights) // _INT.size * _INT.size])
    ]

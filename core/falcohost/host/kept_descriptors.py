"""Passes descriptors (:mod:`falcohost.kept`) from a worker to the supervisor, which keeps them for the next worker.

The supervisor's copies keep ports open and what the kernel collects in place between two workers. Connections that were
accepted end with their worker.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterable, Mapping

from falcohost.handed import HELD, MOST_KEPT, taken
from falcohost.host import wire

_INT = struct.Struct("i")
_SIZE = 1 << 18


def hand_up(link: socket.socket) -> None:
    """Send the supervisor the descriptors to keep, and close inherited ones that the source does not use.

    :raises OSError: the supervisor is gone.
    """
    if kept := taken():
        counts = {name: len(those) for name, those in kept.items()}
        data = wire.packed(wire.Descriptors(counts, len(HELD)))
        sent = socket.send_fds(link, [data], [*(one for those in kept.values() for one in those), *HELD])
        link.sendall(data[sent:])


class Kept:
    """The supervisor's copies of a source's descriptors.

    :ivar descriptors: by name.
    :ivar held: further ones, which nobody gets.
    """

    def __init__(self) -> None:
        self.descriptors: dict[str, list[int]] = {}
        self.held: list[int] = []
        self._arrived: list[int] = []
        self._buffer = memoryview(bytearray(_SIZE))  # reused, since allocating it costs more than reading into it

    def receive(self, link: socket.socket) -> memoryview:
        """Return what has arrived on *link*, without waiting, and keep the descriptors that came with it.

        The result is valid until the next call.

        :raises OSError: nothing has arrived, or the worker is gone.
        """
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        size, ancillary, _, _ = link.recvmsg_into([self._buffer], socket.CMSG_SPACE(MOST_KEPT * _INT.size), flags)
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._arrived += [number for (number,) in _INT.iter_unpack(data[: len(data) // _INT.size * _INT.size])]
        while len(self._arrived) > MOST_KEPT:
            os.close(self._arrived.pop())
        return self._buffer[:size]

    def take(self, counts: Mapping[str, int], held: int = 0) -> bool:
        """Keep the descriptors that have arrived, *counts* for each name, and hold *held*; close the former ones.

        Return False, and keep none, if not as many have arrived.
        """
        arrived, self._arrived = self._arrived, []
        self.close()
        if sum(counts.values()) + held != len(arrived):
            _close(arrived)
            return False
        for name, count in counts.items():
            self.descriptors[name], arrived = arrived[:count], arrived[count:]
        self.held = arrived
        return True

    def close(self) -> None:
        """Close all descriptors."""
        _close(self._arrived)
        _close(self.held)
        self._arrived, self.held = [], []
        for descriptors in self.descriptors.values():
            _close(descriptors)
        self.descriptors.clear()


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)

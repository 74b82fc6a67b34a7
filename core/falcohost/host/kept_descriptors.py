"""Passes descriptors (:mod:`falcohost.kept`) from a worker to the supervisor, which keeps them for the next worker.

The supervisor's copies keep ports open and what the kernel collects in place between two workers. Connections that were
accepted end with their worker.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final

from falcohost.handed import FORMER, HELD, MOST_KEPT, taken
from falcohost.host import wire
from falcohost.host.memory import unused
from falcohost.host.shortage import shortage

_INT = struct.Struct("i")
_SIZE = 1 << 18

#: Most descriptors that the kernel lets one message have (``SCM_MAX_FD``): if fewer arrive, there was no room for them.
MOST_SENT: Final = 253


def hand_up(link: socket.socket) -> None:
    """Send the supervisor the descriptors to keep, and close inherited ones that the source does not use.

    :raises OSError: the supervisor is gone.
    """
    if kept := taken():
        data = wire.packed(wire.Descriptors(_counts(kept), _counts(HELD)))
        *parts, last = in_parts([*chain(*kept.values(), *HELD.values())])
        for place, part in enumerate(parts):  # so that all have arrived when the message has
            socket.send_fds(link, [data[place : place + 1]], part)
        data = data[len(parts) :]
        sent = socket.send_fds(link, [data], last)
        link.sendall(data[sent:])


def in_parts(descriptors: Sequence[int]) -> list[Sequence[int]]:
    """Return *descriptors* in parts, one at least, of which each has room in one message."""
    starts = range(0, max(len(descriptors), 1), MOST_SENT)
    return [descriptors[start : start + MOST_SENT] for start in starts]


def _counts(descriptors: Mapping[str, Sequence[int]]) -> dict[str, int]:
    return {name: len(those) for name, those in descriptors.items()}


class NoRoom(Exception):
    """Not all descriptors could be had that have arrived: it has reached its limit of open files."""

    def __init__(self) -> None:
        super().__init__(f"what it has to hand over cannot be kept: {shortage(OSError(errno.EMFILE, ''))}")


class Kept:
    """The supervisor's copies of a source's descriptors.

    :ivar descriptors: by name.
    :ivar held: further ones by name, which only a loader gets.
    :ivar version: number of changes.
    :ivar lacked_room: this process could not have all descriptors that have arrived.
    :ivar most: so many can be kept and held.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.most = most
        self.descriptors: dict[str, list[int]] = {}
        self.held: dict[str, list[int]] = {}
        self.version = 0
        self.lacked_room = False
        self._arrived: list[int] = []
        self._buffer = memoryview(b"")

    @classmethod
    def arrived(cls, descriptors: list[int]) -> Kept:
        """Return one at which *descriptors* have arrived, for :meth:`take`."""
        kept = cls()
        kept._arrived = descriptors
        return kept

    def receive(self, link: socket.socket) -> memoryview:
        """Return what has arrived on *link*, without waiting, and keep the descriptors that came with it.

        The result is valid until the next call.

        :raises OSError: nothing has arrived, or the worker is gone.
        """
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        if not self._buffer:  # which is reused, since allocating it costs more than reading into it
            self._buffer = unused(_SIZE)
        size, ancillary, found, _ = link.recvmsg_into([self._buffer], socket.CMSG_SPACE(MOST_SENT * _INT.size), flags)
        self.lacked_room = self.lacked_room or bool(found & socket.MSG_CTRUNC)
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._arrived += [number for (number,) in _INT.iter_unpack(data[: len(data) // _INT.size * _INT.size])]
        while len(self._arrived) > self.most:
            os.close(self._arrived.pop())
        return self._buffer[:size]

    def begin(self, most: int) -> None:
        """Take note that another process hands up from now on, and that it may hand up so many.

        What the former one had not handed up wholly is closed.
        """
        self.most = most
        _close(self._arrived)
        self._arrived = []

    def take(self, counts: Mapping[str, int], held: Mapping[str, int] = MappingProxyType({})) -> bool:
        """Keep the descriptors that have arrived, *counts* for each name, and hold others; close the former ones.

        Return False, and keep none, if not as many have arrived.

        :raises NoRoom: this process could not have all of them.
        """
        arrived, self._arrived = self._arrived, []
        self.close()
        if sum(counts.values()) + sum(held.values()) != len(arrived):
            _close(arrived)
            if self.lacked_room:
                raise NoRoom
            return False
        for where, wanted in ((self.descriptors, counts), (self.held, held)):
            for name, count in wanted.items():
                where[name], arrived = arrived[:count], arrived[count:]
        return True

    def take_former(self, kept: Kept) -> None:
        """Keep too what was *kept* before, each under its name behind :data:`FORMER`; let go of what was held."""
        for name in [name for name in kept.descriptors if not name.startswith(FORMER)]:
            self.descriptors[FORMER + name] = kept.descriptors.pop(name)
        kept.close()
        self.version += 1

    def forget_former(self) -> None:
        """Close what was kept before."""
        for name in [name for name in self.descriptors if name.startswith(FORMER)]:
            _close(self.descriptors.pop(name))
            self.version += 1

    def close(self) -> None:
        """Close all descriptors."""
        _close(chain(self._arrived, *self.descriptors.values(), *self.held.values()))
        self._arrived = []
        self.descriptors.clear()
        self.held.clear()
        self.version += 1


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)

"""Takes orders of commands, such as a verdict about an alert, in the store process, the only writer of the database.

The supervisor hands over clients of its control socket (:mod:`falcohost.host.control`). The kernel says who they are.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Collection

import msgspec

from falcohost.errors import StateError
from falcohost.host.connection import GREETING, LONGEST_ORDER
from falcohost.host.supervision.loop import Loop
from falcohost.log import log
from falcohost.store.orders import Done, Order, carry_out
from falcohost.store.store import Store

#: Most clients at a time; then the oldest has to leave.
MOST_CLIENTS = 8

_CREDENTIALS = struct.Struct("3i")


class Desk:
    """Serves clients.

    :param users: the users who may give orders.
    """

    def __init__(self, loop: Loop, store: Store, users: Collection[int]) -> None:
        self._loop = loop
        self._store = store
        self._users = users
        self._received: dict[socket.socket, bytes] = {}

    def attach(self, link: socket.socket) -> None:
        """Serve the client at the other end of *link*, which may give one order."""
        while len(self._received) >= MOST_CLIENTS:
            self._leave(next(iter(self._received)))
        link.setblocking(False)
        self._received[link] = b""
        self._loop.watch(link, lambda: self._serve(link))
        self._send(link, GREETING)

    def close(self) -> None:
        """Leave all clients."""
        for link in tuple(self._received):
            self._leave(link)

    def _serve(self, link: socket.socket) -> None:
        if link not in self._received:
            return
        try:
            data = link.recv(LONGEST_ORDER)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        received = self._received[link] = self._received[link] + data
        if received.endswith(b"\n"):
            self._send(link, msgspec.json.encode(self._done(link, received)) + b"\n")
        if received.endswith(b"\n") or not data or len(received) > LONGEST_ORDER:
            self._leave(link)

    def _done(self, link: socket.socket, line: bytes) -> Done:
        _, uid, _ = _CREDENTIALS.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid not in self._users:
            log.warning("the user with the uid %d may not change what is stored", uid)
            return Done(problem="only root, and the user who has started falcohost, may change what is stored")
        try:
            order = _decode(line)
        except msgspec.MsgspecError:
            return Done(problem="the running falcohost has a different version from this command; restart it")
        try:
            return carry_out(self._store, order, uid, self._loop.clock.time_ns() // 1_000_000_000)
        except StateError as error:
            return Done(problem=str(error))

    def _send(self, link: socket.socket, line: bytes) -> None:
        with contextlib.suppress(OSError):  # it is gone, which is noticed when it is read
            link.send(line)

    def _leave(self, link: socket.socket) -> None:
        self._loop.forget(link)
        del self._received[link]
        link.close()


def trusted_users() -> frozenset[int]:
    """Return the users who may give orders: root, and the one of this process, before it is confined."""
    return frozenset({0, os.geteuid()})


_decode = msgspec.json.Decoder(Order).decode

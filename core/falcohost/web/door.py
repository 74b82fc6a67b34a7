"""Lets connections in to an HTTP server: limits their number, does TLS handshakes, and ends those that are slow."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from falcohost.jsonlog.refusals import Refusals
from falcohost.log import log
from falcohost.web.connections import BAD_HANDSHAKE, Connection, Connections
from falcohost.web.handshake import THREADS, hang_up, shaken
from falcohost.web.limits import WebLimits

#: Seconds between two checks for connections that take too long.
_SWEEP = 5.0

#: Connections that are accepted before others have their turn.
_AT_ONCE = 16

#: Why no connection can be accepted although some wait, and seconds until it is tried again.
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE = 0.1

#: Seconds between two messages about that.
_SELDOM = 60.0


class Serves(Protocol):
    """Serves connections."""

    def serve(self, one: Connection, connection: socket.socket, address: Any) -> None:
        """Serve *connection*, which *one* stands for, and set what closes it."""

    async def close(self) -> None:
        """End all connections after their answers are sent."""


class Door:
    """Lets connections in to *server*: makes room for them, and does the TLS handshake.

    :param refusals: counts those that are turned away.
    :param proves: whoever has done the handshake has shown a certificate.
    """

    def __init__(
        self,
        server: Serves,
        tls: ssl.SSLContext | None,
        limits: WebLimits,
        connections: Connections,
        refusals: Refusals,
        *,
        proves: bool = False,
    ) -> None:
        self._tls = tls
        self._limits = limits
        self._connections = connections
        self._refusals = refusals
        self._proves = proves
        self._server = server
        self._threads = ThreadPoolExecutor(THREADS, "handshakes")
        self._handshakes: set[asyncio.Task[None]] = set()
        self._listening: set[socket.socket] = set()
        self._next_message = 0.0

    def open(self, listening: socket.socket) -> None:
        """Let in who connects to *listening*."""
        self._listening.add(listening)
        self._listen(listening)

    def shut(self) -> None:
        """Let in nobody more."""
        for listening in self._listening:
            asyncio.get_running_loop().remove_reader(listening)
        self._listening.clear()

    def _listen(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        """Let in some of the connections that wait; those that are open have their turn before the next ones."""
        for _ in range(_AT_ONCE):
            try:
                connection, address = listening.accept()
            except OSError as error:  # nobody waits any more, or one has left
                if error.errno in _SHORT:
                    self._wait(listening, error)
                return
            self._arrived(connection, address)

    def _wait(self, listening: socket.socket, error: OSError) -> None:
        """Try again later to accept a connection, since *error* would come again at once and without end."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(_PAUSE, self._listen, listening)
        if loop.time() >= self._next_message:
            self._next_message = loop.time() + _SELDOM
            log.warning("senders have to wait, since no connection can be accepted: %s", error.strerror)

    def _arrived(self, connection: socket.socket, address: Any) -> None:
        """Serve a new connection."""
        host = address[0] if isinstance(address, tuple) else "(local)"
        if self._tls is None:
            self._server.serve(self._connections.arrive(host, connection.close), connection, address)
            return
        connection.setblocking(False)
        try:
            wrapped = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        except OSError:  # its sender has left
            self._refusals.turn_away(BAD_HANDSHAKE)
            connection.close()
            return
        one = self._connections.arrive(host, lambda: hang_up(wrapped))
        task = asyncio.get_running_loop().create_task(self._shake(one, wrapped, address))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def sweep(self) -> None:
        """Close connections that take too long, again and again."""
        while True:
            await asyncio.sleep(_SWEEP)
            self._connections.sweep()

    async def close(self) -> None:
        """End all connections after their answers are sent."""
        await self._server.close()
        self._connections.close()
        if self._handshakes:
            await asyncio.wait(self._handshakes)
        self._threads.shutdown()

    async def _shake(self, one: Connection, connection: ssl.SSLSocket, address: Any) -> None:
        if not await shaken(connection, self._limits.header_time, self._threads):
            self._connections.leave(one)
            self._refusals.turn_away(BAD_HANDSHAKE)
            connection.close()
            return
        if self._proves:
            self._connections.prove(one)
        self._server.serve(one, connection, address)

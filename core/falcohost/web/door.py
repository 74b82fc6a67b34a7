"""Lets connections in to an HTTP server: limits their number, does TLS handshakes, and ends those that are slow."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tornado.platform.asyncio  # noqa: F401# tornado imports it later, when its file may no longer be readable
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from falcohost.jsonlog.refusals import Refusals
from falcohost.web.connections import BAD_HANDSHAKE, Connection, Connections
from falcohost.web.handshake import THREADS, hang_up, shaken
from falcohost.web.limits import WebLimits

#: Seconds between two checks for connections that take too long.
_SWEEP = 5.0

#: Connections that are accepted before others have their turn.
_AT_ONCE = 16

#: Bytes that are read ahead from a connection.
_AHEAD = 96 << 10

#: Bytes that are read from a connection at a time.
_CHUNK = 48 << 10


class _Server(HTTPServer):
    """Tells the table of connections when one has ended."""

    connections: Connections

    def on_close(self, server_conn: Any) -> None:
        """Forget a connection that has ended."""
        self.connections.detach(server_conn.stream)
        super().on_close(server_conn)


class _Closes(IOStream):
    """Reads no further request from its buffer once it is closed, as tornado's would."""

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """Read the headers of the next request.

        :raises StreamClosedError: the connection is closed.
        """
        if self.closed():
            raise StreamClosedError(real_error=self.error)
        return super().read_until_regex(regex, max_bytes)


class _ClosesTLS(_Closes, SSLIOStream):
    """The same over TLS."""


class Door:
    """Lets connections in to *entrance*: makes room for them, and does the TLS handshake.

    :param refusals: counts those that are turned away.
    :param largest_body: size of the largest body of a request, unless its handler allows more.
    :param proves: whoever has done the handshake has shown a certificate.
    """

    def __init__(
        self,
        entrance: HTTPServerConnectionDelegate,
        tls: ssl.SSLContext | None,
        limits: WebLimits,
        connections: Connections,
        refusals: Refusals,
        *,
        largest_body: int,
        proves: bool = False,
    ) -> None:
        self._tls = tls
        self._limits = limits
        self._connections = connections
        self._refusals = refusals
        self._proves = proves
        self._server = _limited(entrance, tls, limits, connections, largest_body)
        self._threads = ThreadPoolExecutor(THREADS, "handshakes")
        self._handshakes: set[asyncio.Task[None]] = set()

    def accept(self, listening: socket.socket) -> None:
        """Let in some of the connections that wait; those that are open have their turn before the next ones."""
        for _ in range(_AT_ONCE):
            try:
                connection, address = listening.accept()
            except OSError:  # nobody waits any more, or one has left; or too many files are open
                return
            self._arrived(connection, address)

    def _arrived(self, connection: socket.socket, address: Any) -> None:
        """Serve a new connection."""
        host = address[0] if isinstance(address, tuple) else "(local)"
        if self._tls is None:
            stream = _Closes(connection, max_buffer_size=self._buffer, read_chunk_size=_CHUNK)
            self._serve(self._connections.arrive(host, stream.close), stream, address)
            return
        connection.setblocking(False)
        wrapped = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
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
        await self._server.close_all_connections()
        self._connections.close()
        if self._handshakes:
            await asyncio.wait(self._handshakes)
        self._threads.shutdown()

    @property
    def _buffer(self) -> int:
        return max(_AHEAD, self._limits.header)

    async def _shake(self, one: Connection, connection: ssl.SSLSocket, address: Any) -> None:
        if not await shaken(connection, self._limits.header_time, self._threads):
            self._connections.leave(one)
            self._refusals.turn_away(BAD_HANDSHAKE)
            connection.close()
            return
        stream = _ClosesTLS(connection, max_buffer_size=self._buffer, read_chunk_size=_CHUNK)
        one.end = stream.close
        if self._proves:
            self._connections.prove(one)
        self._serve(one, stream, address)

    def _serve(self, one: Connection, stream: IOStream, address: Any) -> None:
        self._connections.attach(one, stream)
        self._server.handle_stream(stream, address)


def _limited(
    entrance: HTTPServerConnectionDelegate,
    tls: ssl.SSLContext | None,
    limits: WebLimits,
    connections: Connections,
    body: int,
) -> _Server:
    server = _Server(
        entrance,
        protocol="http" if tls is None else "https",
        max_header_size=limits.header,
        max_body_size=body,
        idle_connection_timeout=limits.header_time,
        body_timeout=limits.body_time,
    )
    server.connections = connections
    return server

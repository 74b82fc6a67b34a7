"""Serves connections with tornado: endpoints, which are seldom asked. Webhooks have :mod:`falcohost.web.serving`."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable
from typing import Any

import tornado.platform.asyncio  # noqa: F401# tornado imports it later, when its file may no longer be readable
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from falcohost.web.connections import Connection, Connections
from falcohost.web.limits import WebLimits

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


class Pages:
    """Serves *entrance* on the connections that it is given.

    :param largest_body: size of the largest body of a request.
    """

    def __init__(
        self,
        entrance: HTTPServerConnectionDelegate,
        tls: ssl.SSLContext | None,
        limits: WebLimits,
        connections: Connections,
        largest_body: int,
    ) -> None:
        self._connections = connections
        self._buffer = max(_AHEAD, limits.header)
        self._server = _limited(entrance, tls, limits, connections, largest_body)

    def serve(self, one: Connection, connection: socket.socket, address: Any) -> None:
        """Serve *connection*, which *one* stands for."""
        kind = _ClosesTLS if isinstance(connection, ssl.SSLSocket) else _Closes
        stream = kind(connection, max_buffer_size=self._buffer, read_chunk_size=_CHUNK)
        one.end = stream.close
        self._connections.attach(one, stream)
        self._server.handle_stream(stream, address)

    async def close(self) -> None:
        """End all connections after their answers are sent."""
        await self._server.close_all_connections()


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

"""The HTTP server: one thread with an event loop for all senders, in which none can block another."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tornado.platform.asyncio  # noqa: F401# tornado imports it later, when its file may no longer be readable
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.web import Application, RequestHandler

from falcohost.web.connections import BAD_HANDSHAKE, Connection, Connections
from falcohost.web.handler import Desk, WebhookHandler, finish_and_close
from falcohost.web.handshake import THREADS, hang_up, shaken

#: Seconds for sending the last answers when the listener is closed.
FAREWELL = 1.0

#: Largest body of a request to another path.
_ELSEWHERE = 64 << 10

#: Seconds between two checks for connections that take too long.
_SWEEP = 5.0

#: Connections that are accepted before others have their turn.
_AT_ONCE = 16

#: Bytes that are read ahead from a connection.
_AHEAD = 96 << 10

#: Bytes that are read from a connection at a time.
_CHUNK = 48 << 10


class Server:
    """Serves *path* on the sockets *listening*, in a thread that :meth:`start` starts."""

    def __init__(self, listening: list[socket.socket], path: str, tls: ssl.SSLContext | None, desk: Desk) -> None:
        self._listening = listening
        self._path = path
        self._tls = tls
        self._desk = desk
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._started = False

    def start(self) -> None:
        """Start to serve. Call this after the privileges are dropped, since a thread keeps those of its start."""
        self._started = True
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Return whether the thread is running."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop listening; give pending answers a moment to be sent."""
        if self._started:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(2 * FAREWELL)
        else:
            self._loop.close()
        for listening in self._listening:
            listening.close()

    def _run(self) -> None:
        logging.getLogger("tornado").setLevel(logging.CRITICAL)  # senders' mistakes do not belong in our log
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        application = Application(
            [(re.escape(self._path), WebhookHandler, {"desk": self._desk})],
            default_handler_class=_Elsewhere,
            log_function=lambda _: None,
        )
        door = _Door(_limited(application, self._tls, self._desk), self._tls, self._desk)
        for listening in self._listening:
            self._loop.add_reader(listening, door.accept, listening)
        sweeping = asyncio.create_task(door.sweep())
        await self._closing.wait()
        sweeping.cancel()
        for listening in self._listening:
            self._loop.remove_reader(listening)
        await asyncio.sleep(0.05)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(door.close(), FAREWELL)


class _Elsewhere(RequestHandler):
    """Answers requests to other paths."""

    def prepare(self) -> None:
        self.set_status(404)
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        finish_and_close(self, b'{"message":"nothing is served here"}\n')


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


class _Door:
    """Lets connections in: makes room for them, and does the TLS handshake."""

    def __init__(self, server: _Server, tls: ssl.SSLContext | None, desk: Desk) -> None:
        self._server = server
        self._tls = tls
        self._desk = desk
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
            self._serve(self._desk.connections.arrive(host, stream.close), stream, address)
            return
        connection.setblocking(False)
        wrapped = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        one = self._desk.connections.arrive(host, lambda: hang_up(wrapped))
        task = asyncio.get_running_loop().create_task(self._shake(one, wrapped, address))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def sweep(self) -> None:
        """Close connections that take too long, again and again."""
        while True:
            await asyncio.sleep(_SWEEP)
            self._desk.connections.sweep()

    async def close(self) -> None:
        """End all connections after their answers are sent."""
        await self._server.close_all_connections()
        self._desk.connections.close()
        if self._handshakes:
            await asyncio.wait(self._handshakes)
        self._threads.shutdown()

    @property
    def _buffer(self) -> int:
        return max(_AHEAD, self._desk.limits.header)

    async def _shake(self, one: Connection, connection: ssl.SSLSocket, address: Any) -> None:
        if not await shaken(connection, self._desk.limits.header_time, self._threads):
            self._desk.connections.leave(one)
            self._desk.refusals.turn_away(BAD_HANDSHAKE)
            connection.close()
            return
        stream = _ClosesTLS(connection, max_buffer_size=self._buffer, read_chunk_size=_CHUNK)
        one.end = stream.close
        if self._desk.secret.client_ca is not None:
            self._desk.connections.prove(one)
        self._serve(one, stream, address)

    def _serve(self, one: Connection, stream: IOStream, address: Any) -> None:
        self._desk.connections.attach(one, stream)
        self._server.handle_stream(stream, address)


def _limited(application: Application, tls: ssl.SSLContext | None, desk: Desk) -> _Server:
    limits = desk.limits
    server = _Server(
        application,
        protocol="http" if tls is None else "https",
        max_header_size=limits.header,
        max_body_size=_ELSEWHERE,
        idle_connection_timeout=limits.header_time,
        body_timeout=limits.body_time,
    )
    server.connections = desk.connections
    return server

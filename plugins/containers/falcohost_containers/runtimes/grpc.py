"""Calls of gRPC services over a socket (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), with h2.

grpcio would take five times the memory and six threads for the same calls (decision 0085).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from falcohost_containers.runtimes.engine import MOST_BYTES, Deadline, RuntimeFailed, connected, received

_PREFIX: Final = struct.Struct(">?I")

#: Statuses of calls (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
_OK, _NOT_FOUND, _UNIMPLEMENTED = "0", "5", "12"


class NotImplementedThere(RuntimeFailed):
    """The server does not have the service."""


class Client:
    """Makes calls to the server at *path*; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = threading.local()

    def call(self, method: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> bytes | None:
        """Return the answer, or all messages of a stream one after the other; None: what was asked for is not there.

        :raises RuntimeFailed: the server refuses, or has answered something else.
        :raises OSError: it does not answer.
        """
        deadline = Deadline()
        connection: _Connection | None = getattr(self._own, "connection", None)
        self._own.connection = None
        if connection is None or not connection.is_usable():
            connection = _Connection(self.path, deadline)
        try:
            found = connection.call(method, body, headers, deadline)
        except ProtocolError as error:
            connection.close()
            raise RuntimeFailed(f"{method}: {type(error).__name__}: {error}") from error
        except BaseException:
            connection.close()
            raise
        self._own.connection = connection
        return found.message(method)


class _Response:
    """What has come of one response."""

    def __init__(self) -> None:
        self.ended = False
        self._data = bytearray()
        self._status = ""
        self._text = ""

    def take(self, event: Event) -> None:
        if isinstance(event, (ResponseReceived, TrailersReceived)):
            found = {_text(name): _text(value) for name, value in event.headers or ()}
            self._status, self._text = found.get("grpc-status", self._status), found.get("grpc-message", self._text)
        elif isinstance(event, DataReceived):
            self._data += event.data or b""
            if len(self._data) > MOST_BYTES:
                raise RuntimeFailed("an answer that is too large")
        elif isinstance(event, (StreamReset, ConnectionTerminated)):
            raise RuntimeFailed("the server has ended the call")
        self.ended = self.ended or isinstance(event, StreamEnded)

    def message(self, method: str) -> bytes | None:
        if self._status == _NOT_FOUND:
            return None
        if self._status == _UNIMPLEMENTED:
            raise NotImplementedThere(method)
        if self._status != _OK:
            raise RuntimeFailed(f"{method}: status {self._status[:8]}: {self._text[:256]}")
        return b"".join(_unframed(bytes(self._data)))


def _unframed(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        if len(data) - at < _PREFIX.size:
            raise ValueError("a message that does not end")
        compressed, size = _PREFIX.unpack_from(data, at)
        at += _PREFIX.size
        if compressed or len(data) - at < size:
            raise ValueError("a message that does not end, or is compressed")
        found.append(data[at : at + size])
        at += size
    return found


class _Http(H2Connection):
    """A connection that remembers few of the calls that are over; h2 would keep 65,536 of them, 5 MB."""

    MAX_CLOSED_STREAMS = 64


class _Connection:
    def __init__(self, path: Path, deadline: Deadline) -> None:
        self._link = connected(path, deadline)
        self._http = _Http(H2Configuration(client_side=True, header_encoding=None))
        self._http.initiate_connection()

    def is_usable(self) -> bool:
        """Return whether the server has not closed the connection, as far as is known."""
        try:
            self._link.setblocking(False)
            while data := self._link.recv(1 << 16):
                self._http.receive_data(data)
        except BlockingIOError:
            return True
        except (OSError, ProtocolError):
            pass
        self.close()
        return False

    def call(self, method: str, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> _Response:
        stream = self._http.get_next_available_stream_id()
        own = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "localhost"}
        needed = {"content-type": "application/grpc", "te": "trailers"}
        self._http.send_headers(stream, [*{**own, **needed, **headers}.items()])
        self._http.send_data(stream, _PREFIX.pack(False, len(body)) + body, end_stream=True)
        self._send(deadline)
        response = _Response()
        while not response.ended:
            data = received(self._link, deadline)
            if not data:
                raise RuntimeFailed("the server has closed the connection")
            for event in self._http.receive_data(data):
                if isinstance(event, DataReceived):
                    self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
                if getattr(event, "stream_id", stream) in (stream, 0, None):
                    response.take(event)
            self._send(deadline)
        return response

    def _send(self, deadline: Deadline) -> None:
        self._link.settimeout(deadline.left)
        self._link.sendall(self._http.data_to_send())

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._link.close()


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value

"""GET requests over a socket, as docker and podman serve them."""

from __future__ import annotations

import http.client
import io
import socket
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from falcohost_containers.runtimes.engine import MOST_BYTES, Deadline, RuntimeFailed, connected, received

_T = TypeVar("_T")

_NOT_FOUND: Final = 404
_OK: Final = 200


class _Reading(io.RawIOBase):
    """Reads from a socket until a deadline."""

    def __init__(self, link: socket.socket, deadline: Deadline) -> None:
        self._link = link
        self._deadline = deadline
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._left or received(self._link, self._deadline)
        size = min(len(data), len(buffer))
        buffer[:size], self._left = data[:size], data[size:]
        return size


class _Socket:
    """What http.client needs of a socket to read a response from."""

    def __init__(self, link: socket.socket, deadline: Deadline) -> None:
        self._file: io.BufferedIOBase = io.BufferedReader(_Reading(link, deadline))

    def makefile(self, mode: str) -> io.BufferedIOBase:
        return self._file


def get(path: Path, target: str, kind: type[_T]) -> _T | None:
    """Return the JSON document at *target* of the server at the socket *path*, as a *kind*; None: it is not there.

    :raises RuntimeFailed: the server answers something else.
    :raises OSError: it does not answer.
    :raises ValueError: the document is not as it should be.
    """
    deadline = Deadline()
    with connected(path, deadline) as link:
        link.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        response = http.client.HTTPResponse(cast(socket.socket, _Socket(link, deadline)), method="GET")
        try:
            response.begin()
            body = response.read(MOST_BYTES + 1)
        except http.client.HTTPException as error:
            raise RuntimeFailed(f"no HTTP: {type(error).__name__}") from error
    if response.status == _NOT_FOUND:
        return None
    if response.status != _OK or len(body) > MOST_BYTES:
        raise RuntimeFailed(f"GET {target}: status {response.status}, {len(body)} bytes")
    return msgspec.json.decode(body, type=kind)

"""Connections whose requests come to an end, whatever the other side does: those of the output ``http`` and of pollers.

A socket's timeout is for one part of an answer: whoever sends a byte now and then, or ``100 Continue`` again and again,
would hold this side for as long as it wants to. Here all parts of a request and its answer have one time.
"""

from __future__ import annotations

import io
import socket
import time
from functools import partial
from http.client import HTTPResponse
from typing import Any, ClassVar, Final, NamedTuple

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Most bytes of all that comes before an answer's body, and for the output, which uses the first of these, with it.
MOST: Final = 1 << 20
#: Bytes that are written at once; as much as one record of TLS has.
_STEP: Final = 16 << 10


class Bounds(NamedTuple):
    """The seconds that a request and its answer may take, and most bytes of the answer."""

    seconds: float
    answer: int = MOST


class TooLong(OSError):
    """An answer has more bytes than it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"it has answered with more than {most} bytes")


def bound(manager: PoolManager, wanted: Bounds) -> None:
    """Bound each request of *manager* and its answer."""

    class Plain(_Connection):
        bounds = wanted

    class Tls(_TlsConnection):
        bounds = wanted

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    manager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}


class _Connection(HTTPConnection):
    """A connection of which each request and its answer are bounded, and so is what a proxy says before."""

    bounds: ClassVar[Bounds]
    _end = 0.0

    def connect(self) -> None:
        """Connect, through a proxy if there is one."""
        self._begin()
        super().connect()

    def request(self, *args: Any, **options: Any) -> None:
        """Begin a request, and its time."""
        self._begin()
        super().request(*args, **options)

    def _begin(self) -> None:
        self._end = time.monotonic() + self.bounds.seconds
        self.response_class = partial(_Answer, end=self._end, bounds=self.bounds)  # type: ignore[assignment]

    def send(self, data: Any) -> None:
        """Write *data* in steps: a receiver that takes it slowly has no more time than one that takes none."""
        for begin in range(0, len(data), _STEP):
            if self.sock is not None:
                _narrow(self.sock, self._end, self.bounds.seconds)
            super().send(data[begin : begin + _STEP])


class _TlsConnection(_Connection, HTTPSConnection):
    """A connection with TLS."""


class _Answer(HTTPResponse):
    """An answer that is read until *end*."""

    def __init__(self, sock: socket.socket, *args: Any, end: float, bounds: Bounds, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._most = bounds.answer
        self._parts = _Parts(self.fp.detach(), sock, end, bounds.seconds)
        self.fp = io.BufferedReader(self._parts)

    def begin(self) -> None:
        """Read all that comes before the body."""
        super().begin()
        self._parts.most = self._most


class _Parts(io.RawIOBase):
    """The parts of an answer as they come from *sock*, whose reader is *raw*; no more than *most* bytes."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, end: float, seconds: float) -> None:
        self._raw = raw
        self._sock = sock
        self._end = end
        self._seconds = seconds
        self.most = MOST
        self._size = 0

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read the next part.

        :raises TimeoutError: none has come for long, or the time for all of them is over.
        :raises TooLong: there are too many bytes.
        """
        _narrow(self._sock, self._end, self._seconds)
        count = self._raw.readinto(buffer)
        self._size += count or 0
        if self._size > self.most:
            raise TooLong(self.most)
        return count

    def close(self) -> None:
        """Close the reader."""
        self._raw.close()
        super().close()


def _narrow(sock: socket.socket, end: float, seconds: float) -> None:
    """Have *sock* wait no longer than until *end*.

    :raises TimeoutError: it has come.
    """
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"it has not taken the request and answered within {seconds:g} s")
    before = sock.gettimeout()
    sock.settimeout(left if before is None else min(before, left))

"""Connections of the output ``http`` whose requests come to an end, whatever the receiver does.

A socket's timeout is for one part of an answer: a receiver that sends a byte now and then, or ``100 Continue`` again
and again, would hold the output for as long as it wants to. Here all parts of a request and its answer have one time.
"""

from __future__ import annotations

import io
import socket
import time
from functools import partial
from http.client import HTTPResponse
from typing import Any, ClassVar, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Most bytes of an answer with all that comes before it; the output uses the first of these.
MOST: Final = 1 << 20
#: Bytes that are written at once; as much as one record of TLS has.
_STEP: Final = 16 << 10


def bound(manager: PoolManager, seconds: float) -> None:
    """Have each request of *manager* and its answer take *seconds* at most, once there is a connection."""

    class Plain(_Connection):
        whole = seconds

    class Tls(_TlsConnection):
        whole = seconds

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    manager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}


class _Connection(HTTPConnection):
    """A connection; each request and its answer take *whole* seconds at most."""

    whole: ClassVar[float]
    _end = 0.0

    def request(self, *args: Any, **options: Any) -> None:
        """Begin a request, and its time."""
        self._end = time.monotonic() + self.whole
        self.response_class = partial(_Answer, end=self._end, seconds=self.whole)  # type: ignore[assignment]
        super().request(*args, **options)

    def send(self, data: Any) -> None:
        """Write *data* in steps: a receiver that takes it slowly has no more time than one that takes none."""
        for begin in range(0, len(data), _STEP):
            if self.sock is not None:
                _narrow(self.sock, self._end, self.whole)
            super().send(data[begin : begin + _STEP])


class _TlsConnection(_Connection, HTTPSConnection):
    """A connection with TLS."""


class _Answer(HTTPResponse):
    """An answer that is read until *end*."""

    def __init__(self, sock: socket.socket, *args: Any, end: float, seconds: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Parts(self.fp.detach(), sock, end, seconds))


class _Parts(io.RawIOBase):
    """The parts of an answer as they come from *sock*, whose reader is *raw*."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, end: float, seconds: float) -> None:
        self._raw = raw
        self._sock = sock
        self._end = end
        self._seconds = seconds
        self._left = MOST

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read the next part.

        :raises TimeoutError: none has come for long, or the time for all of them is over.
        :raises OSError: there are too many bytes.
        """
        _narrow(self._sock, self._end, self._seconds)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise OSError(f"it has answered with more than {MOST} bytes")
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

"""HTTP/1.1 over TLS, as far as the API server speaks it: one request at a time, an answer that may never end.

What comes is bounded: lines, headers, chunks, and the time for which nothing comes.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from falcohost_k8smeta.config import Config

#: Seconds for which a connection is waited for, and an answer to its end, unless it may take longer.
PATIENCE: Final = 10.0

#: Longest time for which a server may ask not to be asked again, in seconds; digits of a number that is believed.
LONGEST_RETRY: Final = 300.0
_MOST_DIGITS: Final = 10

#: Bytes that are read at once; longest line of the head; most lines in it.
_PIECE: Final = 1 << 16
_MOST_LINE: Final = 1 << 14
_MOST_LINES: Final = 100

#: Longest token, in bytes.
_MOST_TOKEN: Final = 1 << 16

#: Seconds after which a silent peer is asked for a sign of life; between two such questions; how often it is asked.
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))


class Failed(Exception):
    """A request has failed: nobody answers, or what comes is not an answer."""


class Connection:
    """A connection to the API server, made when it is needed; it is not used by two threads.

    :ivar retry_after: for how many seconds the last answer asks not to be asked again; 0: it does not say.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._link: ssl.SSLSocket | None = None
        self._buffer = bytearray()
        self._is_read = True
        self._until = self._idle = 0.0
        self.retry_after = 0.0

    def ask(self, path: str, accept: str) -> tuple[int, Iterator[bytes]]:
        """Send a request for *path*; return the status and the pieces of the body as they come.

        A body that is not read to its end closes the connection with the next request.

        :raises Failed: it has failed; or, while the body is read, the rest of it does not come in time.
        """
        try:
            return self._ask(path, accept)
        except (OSError, ValueError) as error:
            self.close()
            raise Failed(_why(error)) from error

    def wait(self, seconds: float, idle: float = math.inf) -> None:
        """Wait for *seconds* for the rest of the answer, and no longer than *idle* for the next piece of it."""
        self._until, self._idle = time.monotonic() + seconds, idle

    def close(self) -> None:
        """Close the connection."""
        link, self._link = self._link, None
        self._buffer.clear()
        self._is_read = True
        if link is not None:
            link.close()

    def _ask(self, path: str, accept: str) -> tuple[int, Iterator[bytes]]:
        config = self._config
        if not self._is_read:
            self.close()
        lines = (f"GET {path} HTTP/1.1", f"Host: {config.address}", f"Accept: {accept}", "User-Agent: falcohost")
        head = "\r\n".join((*lines, f"Authorization: Bearer {_token(config.token)}", "\r\n")).encode("ascii")
        fresh = self._link is None
        if self._link is None:
            self._link = _connected(config)
        self.wait(PATIENCE)
        try:
            self._link.settimeout(PATIENCE)
            self._link.sendall(head)
            status = self._status()
        except (OSError, EOFError, ValueError):
            self.close()
            if fresh:
                raise
            return self._ask(path, accept)  # the server has closed a connection that it had kept
        fields, self._is_read = self._fields(), False
        self.retry_after = _seconds(fields.get(b"retry-after", b""))
        return status, self._body(fields)

    def _status(self) -> int:
        version, _, rest = self._line().partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not rest[:3].isdigit():
            raise ValueError("what answers does not speak HTTP/1.1")
        return int(rest[:3])

    def _fields(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for _ in range(_MOST_LINES):
            line = self._line()
            if not line:
                return found
            name, _, value = line.partition(b":")
            found[name.strip().lower()] = value.strip().lower()
        raise ValueError("the answer has too many header lines")

    def _body(self, fields: dict[bytes, bytes]) -> Iterator[bytes]:
        try:
            if fields.get(b"transfer-encoding") == b"chunked":
                yield from self._chunks()
            elif (length := fields.get(b"content-length", b"")).isdigit():
                yield from self._exactly(int(length[:18]))
            else:
                yield from self._rest()
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise Failed(_why(error)) from error
        self._is_read = fields.get(b"connection") != b"close"

    def _chunks(self) -> Iterator[bytes]:
        while length := int(self._line().partition(b";")[0], 16):
            if length < 0:
                raise ValueError("a chunk has a negative length")
            yield from self._exactly(length)
            if self._line():
                raise ValueError("a chunk is longer than it says")
        while self._line():
            pass

    def _exactly(self, length: int) -> Iterator[bytes]:
        while length:
            if not self._buffer:
                self._more()
            piece = bytes(self._buffer[:length])
            del self._buffer[:length]
            length -= len(piece)
            yield piece

    def _rest(self) -> Iterator[bytes]:
        with contextlib.suppress(EOFError):
            while True:
                yield from self._exactly(len(self._buffer) or 1)

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MOST_LINE:
                raise ValueError("the answer has a header line that is too long")
            self._more()
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        if len(line) > _MOST_LINE:
            raise ValueError("the answer has a header line that is too long")
        return line

    def _more(self) -> None:
        assert self._link is not None
        left = min(self._until - time.monotonic(), self._idle)
        if left <= 0:
            raise TimeoutError("timed out")
        self._link.settimeout(left if left < math.inf else None)
        data = self._link.recv(_PIECE)
        if not data:
            raise EOFError
        self._buffer += data


def _seconds(value: bytes) -> float:
    """Return the seconds in a header field, as Kubernetes sends them; a date, or what is none, says nothing."""
    return min(float(value), LONGEST_RETRY) if value.isdigit() and len(value) < _MOST_DIGITS else 0.0


def _connected(config: Config) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(config.authority)
    link = socket.create_connection((config.host, config.port), PATIENCE)
    try:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            link.setsockopt(socket.IPPROTO_TCP, option, value)
        return context.wrap_socket(link, server_hostname=config.host)
    except BaseException:
        link.close()
        raise


def _token(path: str) -> str:
    with Path(path).open("rb") as file:
        token = file.read(_MOST_TOKEN).strip().decode("ascii")
    if not token or any(one.isspace() or not one.isprintable() for one in token):
        raise ValueError(f"{path} has no token")
    return token


def _why(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, EOFError):
        return "it has closed the connection"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)

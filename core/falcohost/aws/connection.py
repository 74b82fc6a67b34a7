"""Sends requests over one connection, and takes the answers as they arrive, without waiting.

Where a thread waits for each part of an answer, Python's lock goes to and fro at each of them. Here all that has
arrived is read at once, and decrypted in memory. What is no plain answer of HTTP/1.1 to GET or POST, with its length at
its head, ends the connection, and whoever asked asks otherwise.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from typing import Final, NamedTuple

#: Most bytes before an answer's body, and bytes that are read at once: nearly all objects are shorter.
HEAD: Final = 64 << 10
BUFFER: Final = 256 << 10

#: Bytes of a record of TLS.
_RECORD: Final = 16 << 10

#: Seconds that connecting may take in all, and that an answer may; it is longer than a long poll of a queue.
CONNECTING: Final = 10
ANSWERING: Final = 40

#: The headers of an answer that are read.
_READ: Final = re.compile(
    r"\r\n(content-length|transfer-encoding|connection|etag|content-range|date):([^\r\n]*)", re.ASCII | re.IGNORECASE
)

_CLOSED: Final = "the connection was closed before the answer was whole"
_TOO_LONG: Final = "the answer is longer than it says"


class Server(NamedTuple):
    """A server, and the proxy by which it is asked.

    :ivar is_tls: TLS is spoken with the server, through the proxy.
    :ivar proxy: host and port; None: the server is asked itself.
    :ivar proxy_headers: headers for the proxy, each with its end of line.
    """

    host: str
    port: int
    is_tls: bool
    proxy: tuple[str, int] | None = None
    proxy_headers: str = ""

    @property
    def is_forwarded(self) -> bool:
        """Return whether the proxy sees the requests, which name the whole URL then."""
        return self.proxy is not None and not self.is_tls


class Answer(NamedTuple):
    """What a server answers: the headers that are read, with names in lower case."""

    status: int
    headers: dict[str, str]
    data: bytes


class Unusual(OSError):
    """A server does not answer as expected."""


class Connection:
    """A connection to *server*, which *context* vouches for if TLS is spoken.

    It blocks while it is made. Then nothing blocks but a request that the system's buffer does not hold.

    :ivar was_used: an answer has arrived over it.
    :ivar is_last: the server takes no more requests after the answer that was read.
    :raises OSError: it cannot be made.
    """

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        self._until = time.monotonic() + CONNECTING
        self._socket = socket.create_connection(server.proxy or (server.host, server.port), CONNECTING)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._begin(0)
        self.was_used = False
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if server.is_tls:
                if server.proxy is not None:
                    self._tunnel(server)
                self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server.host)
                self._shake_hands(self._tls)
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def is_ready(self, buffer: memoryview) -> bool:
        """Return whether a request can be sent: the server has not closed, and nothing is there that none asked for."""
        try:
            count = self._socket.recv_into(buffer)
            if not count or self._tls is None:
                return False
            self._incoming.write(buffer[:count])
            return not self._has_more()
        except BlockingIOError:
            return True
        except OSError:
            return False

    def ask(self, request: bytes, most: int) -> None:
        """Send *request*, whose answer has at most *most* bytes.

        :raises OSError: it cannot be sent.
        """
        self._begin(most)
        if self._tls is not None:
            self._tls.write(request)
            request = self._outgoing.read()
        self._send(request)

    def answer(self, buffer: memoryview) -> Answer | None:
        """Read what has arrived by way of *buffer*; return the answer if it is whole.

        :raises OSError: it never will be.
        """
        while True:
            try:
                count = self._socket.recv_into(buffer)
            except BlockingIOError:
                return None
            if not count:
                raise Unusual(_CLOSED)
            answer = self._taken(buffer[:count])
            if answer is not None or count < len(buffer):
                return answer

    @property
    def has_begun(self) -> bool:
        """Whether a part of the answer has arrived."""
        return bool(self._head)

    def _begin(self, most: int) -> None:
        self._most = most
        self._head = b""
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._left: int | None = None
        self.is_last = False

    def _taken(self, data: memoryview) -> Answer | None:
        if self._tls is None:
            return self._whole() if self._add(bytes(data)) else None
        self._incoming.write(data)
        read, add = self._tls.read, self._body.append
        try:
            while self._left is None:
                self._add(read(_RECORD))
            while self._left > 0:
                piece = read(_RECORD)
                if not piece:
                    raise Unusual(_CLOSED)
                add(piece)
                self._left -= len(piece)
        except ssl.SSLWantReadError:
            if self._outgoing.pending:
                self._send(self._outgoing.read())
            return None
        if self._left < 0:
            raise Unusual(_TOO_LONG)
        if self._incoming.pending or self._tls.pending():
            self.is_last = self.is_last or self._has_more()
        return self._whole()

    def _has_more(self) -> bool:
        """Return whether the server sends more than the answer: not only what TLS itself has to say."""
        assert self._tls is not None
        try:
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return bool(self._outgoing.pending)
        except OSError:
            return True
        return True

    def _whole(self) -> Answer:
        self.was_used = True
        body, self._body = self._body, []
        return Answer(self._status, self._headers, b"".join(body))

    def _add(self, data: bytes) -> bool:
        """Add *data* to the answer; return whether it is whole.

        :raises Unusual: it is no answer as expected.
        """
        if not data:
            raise Unusual(_CLOSED)
        if self._left is None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                if len(head) > HEAD:
                    raise Unusual("the head of the answer has no end")
                return False
            self._left = self._understood(head)
        self._left -= len(data)
        if self._left < 0:
            raise Unusual(_TOO_LONG)
        self._body.append(data)
        return not self._left

    def _understood(self, head: bytes) -> int:
        """Read the *head* of an answer; return the size of the body."""
        text = head.decode("latin-1")
        version, _, status = text[: (text + "\r\n").index("\r\n")].partition(" ")
        pairs = _READ.findall(text)
        self._headers = headers = {name.lower(): value.strip() for name, value in pairs}
        size = headers.get("content-length", "")
        is_said_once = len(headers) == len(pairs) or sum(name.lower() == "content-length" for name, _ in pairs) == 1
        if version not in ("HTTP/1.1", "HTTP/1.0") or not (status[:3].isdigit() and status.isascii()):
            raise Unusual("the answer is none of HTTP/1.1")
        if "transfer-encoding" in headers or not (size.isdigit() and size.isascii() and is_said_once):
            raise Unusual("the answer does not say its length")
        if int(size) > self._most:
            raise Unusual("the answer is too long")
        self._status = int(status[:3])
        said = headers.get("connection", "").lower()
        self.is_last = said == "close" or (version == "HTTP/1.0" and said != "keep-alive")
        return int(size)

    def _send(self, data: bytes) -> None:
        view, until = memoryview(data), time.monotonic() + ANSWERING
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, until)

    def _wait(self, what: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._socket, what)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError("no answer in time")

    def _tunnel(self, server: Server) -> None:
        """Have the proxy connect to *server*."""
        name = f"[{server.host}]" if ":" in server.host else server.host
        where = f"{name}:{server.port}"
        self._socket.sendall(
            f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{server.proxy_headers}\r\n".encode("latin-1")
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):  # by the byte: what follows is the server's
            head += self._received(1)
            if len(head) > HEAD:
                raise Unusual("the head of the proxy's answer has no end")
        if head.split(b" ", 2)[1:2] != [b"200"]:
            raise Unusual("the proxy refuses")

    def _shake_hands(self, tls: ssl.SSLObject) -> None:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._socket.sendall(self._outgoing.read())
                self._incoming.write(self._received(_RECORD))
        self._socket.sendall(self._outgoing.read())

    def _received(self, most: int) -> bytes:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time")
        self._socket.settimeout(left)
        data = self._socket.recv(most)
        if not data:
            raise Unusual("the connection was closed at once")
        return data

"""Serves the connections of a webhook: reads requests, and sends answers when they are known.

A connection has one request at a time. What comes behind it is read when it is answered; until then little is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from falcohost.log import log
from falcohost.web import answers
from falcohost.web.connections import Connection, Connections
from falcohost.web.limits import WebLimits
from falcohost.web.request_head import END, Chunks, Head, Malformed

if TYPE_CHECKING:
    from falcohost.web.handler import WebhookRequest

#: Bytes that are received at once: of a body whose length is known and that is not packed, and of anything else. Behind
#: a request that is not answered no more is read than that.
_LARGE: Final = 256 << 10
_CHUNK: Final = 48 << 10

_NOTHING: Final = b""

#: How often time limits are checked within the shortest of them, at most.
_CHECKS: Final = 20

#: How often is received from a TLS connection before others have their turn.
_TURNS: Final = 4


class Links:
    """The connections that are served, by one thread with an event loop.

    :param begin: returns what handles a request of a connection.
    :ivar lock: held while a socket is closed, and while another thread sends an answer.
    """

    def __init__(
        self, begin: Callable[[Link, Head], WebhookRequest], limits: WebLimits, connections: Connections
    ) -> None:
        self.begin = begin
        self.limits = limits
        self.connections = connections
        self.loop = asyncio.get_running_loop()
        self.lock = threading.Lock()
        self.buffer = memoryview(bytearray(_LARGE))
        self.answered: deque[Link] = deque()
        self._links: set[Link] = set()
        self._shortest = min(limits.header_time, limits.body_time, limits.store_time)
        self._timer: asyncio.TimerHandle | None = None
        self._failed = 0
        connections.before = self.catch_up

    def serve(self, one: Connection, connection: socket.socket, address: Any) -> None:
        """Serve *connection*, which *one* stands for."""
        connection.setblocking(False)
        with contextlib.suppress(OSError):  # a socket of another family
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(self, one, connection, address[0] if isinstance(address, tuple) else "(local)")
        one.end = link.close
        self._links.add(link)
        self.loop.add_reader(connection, link.readable)
        if self._timer is None:
            self._timer = self.loop.call_later(self._shortest, self._look)

    def fails(self, peer: str, error: Exception) -> None:
        """Log that a request from *peer* has failed here; the first, the tenth, the hundredth and so on."""
        self._failed += 1
        if str(self._failed).strip("0") == "1":
            text = "a request from %s has failed, and its connection is closed: %s: %s; %d so far"
            log.error(text, peer, type(error).__name__, error, self._failed)

    def leave(self, link: Link) -> None:
        """Forget *link*, which is closed."""
        self._links.discard(link)

    def catch_up(self) -> None:
        """Take note of the answers that another thread has sent."""
        while self.answered:
            self.answered.popleft().was_answered()

    async def close(self) -> None:
        """Close all connections, those that send an answer once it is sent."""
        if self._timer is not None:
            self._timer.cancel()
        self.catch_up()
        for link in [*self._links]:
            link.close_soon()
        while self._links:
            await asyncio.sleep(0.01)

    def _look(self) -> None:
        """Do what is due: end what takes too long."""
        self.catch_up()
        now = time.monotonic()
        for link in [link for link in self._links if link.deadline <= now]:
            link.is_late()
        self._timer = None
        if self._links:
            first = min(link.deadline for link in self._links) - now
            pause = min(self._shortest, max(first, self._shortest / _CHECKS))
            self._timer = self.loop.call_later(pause, self._look)


class Link:
    """One connection.

    :ivar deadline: when what it does now has to be over: headers or a body have come, or alerts are stored.
    :ivar peer: the sender's address.
    """

    def __init__(self, links: Links, one: Connection, connection: socket.socket, peer: str) -> None:
        self.one = one
        self.peer = peer
        self.deadline = time.monotonic() + links.limits.header_time
        self._links = links
        self._connection = connection
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        self._request: WebhookRequest | None = None
        self._waits: WebhookRequest | None = None  # whose answer another thread may send
        self._left: int | None = 0
        self._most = _CHUNK
        self._chunks: Chunks | None = None
        self._stays = True
        self._rest = _NOTHING
        self._unsent = _NOTHING
        self._closes = self._paused = self._sent_elsewhere = self._goes_on = False
        self.open = True

    def readable(self) -> None:
        """Read what has come, or a part of it."""
        links = self._links
        if links.answered:
            links.catch_up()
        for _ in range(_TURNS if self._is_tls else 1):
            if not self.open or self._paused:
                return
            size = min(self._left, self._most) if self._left else _CHUNK
            if self._holds and (size := _CHUNK - len(self._rest)) <= 0:
                self._paused = True
                links.loop.remove_reader(self._connection)
                return
            try:
                count = self._connection.recv_into(links.buffer, size)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
                return
            except (OSError, ValueError):  # among them SSLWantWriteError: who asks for keys has to read the answers
                self.close()
                return
            if not count:
                self.close()
                return
            self._received(links.buffer[:count])
            if not (self._is_tls and isinstance(self._connection, ssl.SSLSocket) and self._connection.pending()):
                return
        links.loop.call_soon(self.readable)

    @property
    def stays(self) -> bool:
        """Return whether the connection can be used after the answer to this request."""
        return self._stays and self._left == 0 and not (self._chunks is not None and self._chunks.more)

    def answer(self, data: bytes, *, closes: bool, good: bool) -> None:
        """Send an answer; then go on with the next request, or close the connection."""
        with self._links.lock:
            if self._sent_elsewhere:
                return
            self._waits = self._request = None
        self._left = 0
        self._closes = closes
        self._send(data)
        self._links.connections.answered(self.one, good=good)
        self.deadline = time.monotonic() + self._links.limits.header_time
        self._go_on_soon()

    def go_ahead(self) -> None:
        """Tell the sender to send the body."""
        self._send(answers.CONTINUE)

    def wait(self, request: WebhookRequest) -> None:
        """Wait until it is known whether what *request* brought is stored; another thread may tell."""
        self.deadline = time.monotonic() + self._links.limits.store_time
        if self._stays and not self._is_tls and self._chunks is None:
            self._waits = request

    def settle(self, request: WebhookRequest, stored: bool) -> None:
        """Answer *request*, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            if stored and self._waits is request and self._sent_at_once(request):
                return
            self._links.loop.call_soon_threadsafe(request.settle, stored)

    def was_answered(self) -> None:
        """Take note that another thread has sent the answer."""
        request, self._request, self._sent_elsewhere = self._request, None, False
        if request is not None:
            request.over()
        if self.open:
            self._links.connections.answered(self.one, good=True)
            self._go_on_soon()

    def is_late(self) -> None:
        """End what takes too long."""
        request = self._request
        if request is not None and request.waits:
            request.settle(False)
        else:
            self.close()

    def close_soon(self) -> None:
        """Close the connection, once the answer that it waits for is sent."""
        if self._unsent:
            self._closes = True
        else:
            self.close()

    def close(self) -> None:
        """Close the connection at once."""
        if not self.open:
            return
        with self._links.lock:
            self.open = False
            self._waits = None
            self._links.loop.remove_reader(self._connection)
            self._links.loop.remove_writer(self._connection)
            with contextlib.suppress(OSError):
                self._connection.close()
        request, self._request = self._request, None
        if request is not None:
            request.over()
        self._rest = self._unsent = _NOTHING
        self._links.leave(self)
        self._links.connections.leave(self.one)

    def _sent_at_once(self, request: WebhookRequest) -> bool:
        """Send the answer that all is stored, in another thread; return False if the loop has to."""
        links = self._links
        with links.lock:
            if self._waits is not request or self._rest or self._unsent:
                return False
            self._waits = None
            data = answers.stored()
            try:
                count = self._connection.send(data)
            except OSError:
                return False
            if count < len(data):  # of so few bytes: who reads no answers need not have this one
                links.loop.call_soon_threadsafe(self.close)
                return True
            self.deadline = time.monotonic() + links.limits.header_time
            self.one.waits = False
            self._sent_elsewhere = True
            links.answered.append(self)
            return True

    @property
    def _holds(self) -> bool:
        """Return whether what comes has to wait: for an answer, or until one is sent, or for what came before."""
        waits = self._request is not None and self._left == 0
        return waits or self._goes_on or self._closes or bool(self._unsent)

    def _received(self, data: memoryview) -> None:
        if not self._holds:
            self._read(bytes(data))
            return
        with self._links.lock:  # nobody sends the answer meanwhile and leaves this behind
            self._rest += bytes(data)
        if self._links.answered:
            self._links.catch_up()

    def _go_on(self) -> None:
        """Read what has come behind a request."""
        self._goes_on = False
        if not self.open or self._holds:
            return
        rest, self._rest = self._rest, _NOTHING
        self._read(rest)
        self._resume()

    def _go_on_soon(self) -> None:
        """Go on with what has come behind a request; others have their turn before."""
        if self._goes_on:
            return
        if self._rest and not self._closes:
            self._goes_on = True
            self._links.loop.call_soon(self._go_on)
        else:
            self._resume()

    def _resume(self) -> None:
        """Receive again, unless what comes has to wait."""
        if self._paused and self.open and not self._holds:
            self._paused = False
            self._links.loop.add_reader(self._connection, self.readable)
            if self._is_tls:  # what is unpacked does not make the socket readable
                self._links.loop.call_soon(self.readable)

    def _read(self, data: bytes) -> None:
        """Read *data*, which is of the head of a request or of its body."""
        try:
            if self._request is None:
                data = self._begin(self._rest + data if self._rest else data)
            if self._request is not None and data:
                data = self._body(self._request, data)
        except Malformed:
            self._malformed()
            return
        except Exception as error:  # a bug, which one sender may make happen again and again
            self._links.fails(self.peer, error)
            self.close()
            return
        if data and self.open and not self._closes:
            with self._links.lock:
                self._rest = data + self._rest
            if self._links.answered:
                self._links.catch_up()
            if self._request is None:  # answered before its end was read
                self._go_on_soon()

    def _begin(self, data: bytes) -> bytes:
        """Read a head; return what comes behind it, and keep it if it is not complete."""
        if data[:1] in b"\r\n":
            data = data.lstrip(b"\r\n")
        end = data.find(END) + len(END)
        limits = self._links.limits
        if end < len(END):
            if len(data) > limits.header:
                self.close()
            self._rest = data
            return _NOTHING
        self._rest = _NOTHING
        if end > limits.header:
            self.close()
            return _NOTHING
        head = Head(data[:end])
        self._left, self._stays = head.length, head.stays
        self._most = _CHUNK if "content-encoding" in head.headers else _LARGE
        self._chunks = None if head.length is not None else Chunks(head, limits.header)
        self.deadline = time.monotonic() + limits.body_time
        self._request = request = self._links.begin(self, head)
        request.begin()
        if self._left == 0 and self._request is request:
            request.finish()
        return data[end:]

    def _body(self, request: WebhookRequest, data: bytes) -> bytes:
        """Read a part of the body; return what comes behind it."""
        rest = _NOTHING
        if self._chunks is not None:
            if part := self._chunks.feed(data):
                request.add(part)
            if self._chunks.complete:
                self._left = 0
        elif self._left:
            if len(data) > self._left:
                data, rest = data[: self._left], data[self._left :]
            self._left -= len(data)
            request.add(data)
        else:
            return data
        if self._left == 0 and self._request is request:
            request.finish()
        return rest

    def _malformed(self) -> None:
        """Answer what is no HTTP, and close the connection."""
        request, self._request = self._request, None
        if request is not None:
            request.over()
        self._closes = True
        self._send(answers.MALFORMED)

    def _send(self, data: bytes) -> None:
        if not self.open:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            count = self._connection.send(data)
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            count = 0
        except OSError:
            self.close()
            return
        if count < len(data):
            self._unsent = data[count:]
            self._links.loop.add_writer(self._connection, self._writable)
        elif self._closes:
            self.close()

    def _writable(self) -> None:
        """Send the rest of an answer."""
        data, self._unsent = self._unsent, _NOTHING
        self._links.loop.remove_writer(self._connection)
        self._send(data)
        if not self._unsent:
            self._go_on_soon()

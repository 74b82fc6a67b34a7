"""Asks servers over several connections at once, which one thread drives, between other things that it does.

What arrives meanwhile waits in the system's buffers. So no thread waits for Python's lock, and none is woken for a part
of an answer. There are as many connections as are needed for answers to be there in time: at first a few, and twice as
many whenever whoever drives mostly waits. They are made in threads of their own.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from falcohost.aws.connection import ANSWERING, BUFFER, Answer, Connection, Server

#: Makes a request when it is sent.
Make = Callable[[], bytes]

#: Takes an answer; None: there is none.
Take = Callable[["Answer | None"], None]

#: Connections to a server that are made at once: with several, answers come together, and are taken one right after the
#: other. After the work on an object nothing that takes answers is in the processor's cache.
FIRST: Final = 6

#: Seconds between two looks for answers that are late; a server may have something arrive all the time.
_LOOK: Final = 0.25

#: Seconds of waiting after which more connections are made, if they are most of the time; and for how long they count.
_LONG: Final = 0.1
_PERIOD: Final = 1.0


@dataclass(slots=True)
class _Asked:
    """A request: what makes it, most bytes of its answer, what takes that, and the line in which it waits."""

    make: Make
    most: int
    take: Take
    line: _Line
    was_repeated: bool = False


@dataclass(eq=False, slots=True)
class _Line:
    """The requests to *server* that wait, and its connections that are free; *count*: all that are, or are made."""

    server: Server
    waiting: deque[_Asked] = field(default_factory=deque)
    free: list[Connection] = field(default_factory=list)
    count: int = 0
    opening: int = 0


class Exchanges:
    """Asks servers for which *context* vouches, over at most *most* connections at once."""

    def __init__(self, context: ssl.SSLContext, most: int) -> None:
        self._context = context
        self._most = most
        self._lines: dict[Server, _Line] = {}
        self._busy: dict[int, tuple[Connection, _Asked, float]] = {}
        self._opened: queue.SimpleQueue[tuple[_Line, Connection | None]] = queue.SimpleQueue()
        self._ready: list[tuple[int, Connection, _Line]] = []
        self._poll = select.poll()
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._poll.register(self._woken, select.POLLIN)
        self._buffer = memoryview(bytearray(BUFFER))
        self._since = self._waited = self._looked = 0.0
        self._is_closed = False

    def ask(self, server: Server, make: Make, most: int, take: Take) -> None:
        """Ask *server* for what has at most *most* bytes; *take* is called by :meth:`drive`."""
        line = self._lines.get(server)
        if line is None:
            line = self._lines[server] = _Line(server)
        line.waiting.append(_Asked(make, most, take, line))
        self._send(line)

    def drive(self, seconds: float = 0.0) -> None:
        """Take what has arrived, waiting at most *seconds* for some of it, and send what waits."""
        if not self._busy and not any(line.waiting for line in self._lines.values()):
            return
        if seconds:
            for line in self._lines.values():
                if line.waiting and not line.count:  # there was no room for a connection
                    self._open(line)
        begun = time.monotonic()
        found = self._poll.poll(seconds * 1000)
        if seconds:
            self._has_waited(begun)
        for descriptor, _ in found:
            if descriptor == self._woken.fileno():
                self._take_opened()
            elif descriptor in self._busy:
                self._answered(descriptor)
        self._go_on()
        if begun - self._looked >= _LOOK:
            self._looked = begun
            self._give_up_late()

    def close(self) -> None:
        """Close all connections. Nothing is taken any more."""
        self._is_closed = True
        for connection, _, _ in self._busy.values():
            connection.close()
        for line in self._lines.values():
            for connection in line.free:
                connection.close()
        self._busy.clear()
        self._lines.clear()
        self._wake.close()
        self._woken.close()

    def _send(self, line: _Line) -> None:
        """Send as many of the requests that wait as connections are free."""
        while line.waiting and line.free:
            connection = line.free.pop()
            if connection.is_ready(self._buffer):
                self._start(connection, line.waiting.popleft())
            else:
                self._drop(connection, line)
        if line.waiting and line.count < FIRST and not line.free:
            self._open(line)

    def _start(self, connection: Connection, asked: _Asked) -> None:
        descriptor = connection.fileno()
        try:
            connection.ask(asked.make(), asked.most)
        except Exception:  # boto3 finds out why
            if descriptor in self._busy:
                self._stop(descriptor)
            self._failed(connection, asked)
            return
        if descriptor not in self._busy:
            self._poll.register(descriptor, select.POLLIN)
        self._busy[descriptor] = connection, asked, time.monotonic()

    def _answered(self, descriptor: int) -> None:
        connection, asked, _ = self._busy[descriptor]
        try:
            answer = connection.answer(self._buffer)
        except (OSError, ValueError):
            self._stop(descriptor)
            self._failed(connection, asked)
            return
        if answer is None:
            return
        if connection.is_last:
            self._stop(descriptor)
            self._drop(connection, asked.line)
            self._send(asked.line)
        else:
            self._ready.append((descriptor, connection, asked.line))
        asked.take(answer)

    def _go_on(self) -> None:
        """Use the connections whose answers have just been taken."""
        ready, self._ready = self._ready, []
        for descriptor, connection, line in ready:
            if line.waiting:
                self._start(connection, line.waiting.popleft())
            else:
                self._stop(descriptor)
                line.free.append(connection)

    def _stop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        del self._busy[descriptor]

    def _failed(self, connection: Connection, asked: _Asked) -> None:
        """Ask once more where the server had closed meanwhile, else give up."""
        line = asked.line
        may_repeat = connection.was_used and not connection.has_begun and not asked.was_repeated
        self._drop(connection, line)
        if may_repeat:
            asked.was_repeated = True
            line.waiting.appendleft(asked)
            self._send(line)
        else:
            asked.take(None)
            self._send(line)

    def _drop(self, connection: Connection, line: _Line) -> None:
        connection.close()
        line.count -= 1

    def _give_up_late(self) -> None:
        late = time.monotonic() - ANSWERING
        for descriptor, (connection, asked, since) in list(self._busy.items()):
            if since < late:
                self._stop(descriptor)
                self._drop(connection, asked.line)
                asked.take(None)

    def _has_waited(self, begun: float) -> None:
        """Make as many connections again as there are, where requests wait, if most of the time is spent waiting."""
        now = time.monotonic()
        self._waited += now - begun
        if now - self._since > _PERIOD:
            self._since, self._waited = begun, now - begun
        if self._waited < max(_LONG, (now - self._since) / 2):
            return
        self._since, self._waited = now, 0.0
        for line in self._lines.values():
            if line.waiting and not line.opening:
                for _ in range(max(1, min(line.count, len(line.waiting)))):
                    self._open(line)

    def _open(self, line: _Line) -> None:
        if sum(line.count for line in self._lines.values()) >= self._most and not self._make_room():
            return
        line.count += 1
        line.opening += 1
        threading.Thread(target=self._connect, args=(line,), name="aws-connect", daemon=True).start()

    def _make_room(self) -> bool:
        """Close a connection that is free; return whether there was one."""
        for line in self._lines.values():
            if line.free:
                self._drop(line.free.pop(0), line)
                return True
        return False

    def _connect(self, line: _Line) -> None:
        made = None
        with contextlib.suppress(OSError, ValueError):
            made = Connection(line.server, self._context)
        self._opened.put((line, made))
        with contextlib.suppress(OSError):  # nobody is there any more
            self._wake.send(b"\0")
        if self._is_closed and made is not None:
            made.close()

    def _take_opened(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)
        while not self._opened.empty():
            line, connection = self._opened.get()
            line.opening -= 1
            if connection is not None:
                line.free.append(connection)
                self._send(line)
                continue
            line.count -= 1
            if not line.count:
                waiting, line.waiting = line.waiting, deque()
                for asked in waiting:
                    asked.take(None)

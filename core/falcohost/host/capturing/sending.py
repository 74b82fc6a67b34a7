"""The worker's end of the socket to the process that writes captures: nothing waits, and memory has an end."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from typing import Final

from falcohost.host.capturing.messages import CLOSE, MORE, MOST, NAMED, OPEN, WHOLE, Answer, decode

#: Bytes of a packet of events, and of all that wait because the other process is slow or the disk is.
PACKET: Final = 1 << 15
MOST_WAITING: Final = 1 << 24


class Sending:
    """Sends what captures consist of over *link*.

    :ivar lost: events that had no room while the other process did not read.
    """

    def __init__(self, link: socket.socket) -> None:
        self.lost = 0
        self._link = link
        self._packets: deque[bytes] = deque()
        self._waiting = 0
        self._parts: list[bytes] = []
        self._size = 0

    def open(self, ts: int, number: int) -> None:
        """Begin a file, named after the time and the number of an event."""
        self._push(OPEN + NAMED.pack(ts, number))

    def begin(self, data: bytes) -> None:
        """Send what a file begins with, however much it is."""
        self._push_all(data)
        self.flush()

    def event(self, data: bytes) -> None:
        """Send an event, with what has to stand before it; it goes with the next ones."""
        if self._waiting + self._size > MOST_WAITING:
            self.lost += 1
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size >= PACKET:
            self._gather()
            self.flush()

    def close(self) -> None:
        """End the file."""
        self._gather()
        self._push(CLOSE)
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes now.

        :raises OSError: the other process has ended.
        """
        self._gather()
        while self._packets:
            try:
                self._link.send(self._packets[0], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            self._waiting -= len(self._packets.popleft())

    def answers(self) -> Iterator[Answer]:
        """Yield what has come of it, without waiting.

        :raises OSError: the other process has ended.
        """
        while True:
            try:
                packet = self._link.recv(MOST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not packet:
                raise ConnectionResetError
            yield decode(packet)

    def _gather(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._push_all(data)

    def _push_all(self, data: bytes) -> None:
        """Take whole events, in as many packets as they need."""
        for place in range(0, len(data), MOST - 1):
            piece = data[place : place + MOST - 1]
            self._push((WHOLE if place + len(piece) == len(data) else MORE) + piece)

    def _push(self, packet: bytes) -> None:
        self._packets.append(packet)
        self._waiting += len(packet)

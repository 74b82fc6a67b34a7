"""Data that waits to be sent on a socket whose other end may not read, with attached descriptors."""

from __future__ import annotations

import os
import socket
from collections import deque

from falcohost.host.descriptors import send_with


class Outgoing:
    """A queue of messages. Descriptors are duplicated, so that their owner may close them."""

    def __init__(self) -> None:
        self._messages: deque[tuple[bytes | memoryview, int | None]] = deque()
        self.size = 0

    def __bool__(self) -> bool:
        """Return whether anything waits."""
        return bool(self._messages)

    def add(self, message: bytes, descriptor: int | None = None) -> None:
        """Add *message*; a duplicate of *descriptor* goes with it."""
        self._messages.append((message, None if descriptor is None else os.dup(descriptor)))
        self.size += len(message)

    def send(self, link: socket.socket) -> None:
        """Send what *link* takes without waiting.

        :raises OSError: the other end is gone.
        """
        try:
            while self._messages:
                message, descriptor = self._messages[0]
                if descriptor is None:
                    sent = link.send(message, socket.MSG_DONTWAIT)
                else:
                    sent = send_with(link, message, [descriptor])
                    os.close(descriptor)
                self.size -= sent
                if sent < len(message):
                    self._messages[0] = memoryview(message)[sent:], None
                else:
                    self._messages.popleft()
        except BlockingIOError:
            pass

    def clear(self) -> None:
        """Forget all."""
        for _, descriptor in self._messages:
            if descriptor is not None:
                os.close(descriptor)
        self._messages.clear()
        self.size = 0

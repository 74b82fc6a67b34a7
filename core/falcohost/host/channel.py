"""One end of a socket between two processes of the agent: typed messages with descriptors, without waiting."""

from __future__ import annotations

import os
import socket
from collections import deque
from typing import Any, Generic, TypeVar

import msgspec

from falcohost.host import wire
from falcohost.host.descriptors import receive_with
from falcohost.host.outgoing import Outgoing
from falcohost.store.admission import Refused

T = TypeVar("T")

_SIZE = 1 << 18

#: Most descriptors that may arrive at once.
MOST_ATTACHED = 4


class Channel(Generic[T]):
    """One end of *link*.

    :param kinds: the messages that may arrive.
    :param attached: descriptors may come with them; otherwise the kernel closes those that do.
    :ivar closed: the other end is gone; nothing more will arrive.
    :ivar attached: the descriptors that have arrived, which whoever reads the messages takes from the left.
    """

    def __init__(self, link: socket.socket, kinds: Any, *, attached: bool = False) -> None:
        self.closed = False
        self._most_attached = MOST_ATTACHED if attached else 0
        self.attached: deque[int] = deque()
        self._link = link
        self._received: wire.Received[T] = wire.Received(kinds)
        self._outgoing = Outgoing()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._link.fileno()

    def read(self) -> list[T]:
        """Return the messages that are now complete."""
        try:
            data, attached = receive_with(self._link, _SIZE, self._most_attached)
        except BlockingIOError:
            return []
        except OSError:
            data, attached = b"", []
        self.attached += attached
        if not data:
            self.closed = True
            return []
        return self._received.feed(data)

    @property
    def refused(self) -> Refused | None:
        """Return why what has arrived is not a message; nothing after it is read."""
        return self._received.refused

    def take_socket(self) -> socket.socket:
        """Return the socket that came with the message that is being handled."""
        return socket.socket(fileno=self.attached.popleft())

    def send(self, message: msgspec.Struct, descriptor: int | None = None) -> None:
        """Send *message* with a duplicate of *descriptor*, or as much of it as the socket takes."""
        self._outgoing.add(wire.packed(message), descriptor)
        self.send_rest()

    def send_rest(self) -> None:
        """Send what waits, as far as possible."""
        try:
            self._outgoing.send(self._link)
        except OSError:
            self._outgoing.clear()  # the other end is gone

    @property
    def waits_to_send(self) -> bool:
        """Return whether something waits until the other end reads."""
        return bool(self._outgoing)

    @property
    def unsent(self) -> int:
        """Return how many bytes wait."""
        return self._outgoing.size

    def close(self) -> None:
        """Close the socket, and descriptors that nobody has taken."""
        self._outgoing.clear()
        while self.attached:
            os.close(self.attached.popleft())
        self._link.close()

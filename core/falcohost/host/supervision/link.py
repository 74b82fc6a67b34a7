"""The supervisor's end of the socket to one worker: non-blocking messages in both directions."""

from __future__ import annotations

import os
import socket
from collections import deque

from falcohost.host import wire
from falcohost.host.descriptors import send_with
from falcohost.host.kept_descriptors import Kept


class Link:
    """The connection to one worker process. Attached descriptors go to *kept*.

    :ivar closed: the worker has closed its end; no more messages will arrive.
    """

    def __init__(self, link: socket.socket, kept: Kept) -> None:
        self.closed = False
        self._link = link
        self._kept = kept
        self._received = wire.FromWorker()
        self._outgoing = bytearray()
        self._attached: deque[tuple[int, int]] = deque()
        self._deaf = False

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._link.fileno()

    def read(self) -> list[wire.Up] | None:
        """Return the messages that are now complete; None if no data has arrived.

        :raises ValueError: the data is not a message; all further data from this worker is ignored.
        """
        try:
            data = self._kept.receive(self._link)
        except BlockingIOError:
            return None
        except ConnectionError:
            data = memoryview(b"")
        if not data:
            self.closed = True
            return None
        if self._deaf:
            return []
        try:
            return self._received.feed(data)
        except ValueError:
            self._deaf = True
            raise

    def send(self, message: wire.Down, descriptor: int | None = None) -> None:
        """Send *message*, or as much of it as the socket takes; :meth:`send_rest` sends the rest.

        A duplicate of *descriptor* goes with it.
        """
        if descriptor is not None:
            self._attached.append((len(self._outgoing), os.dup(descriptor)))
        self._outgoing += wire.packed(message)
        self.send_rest()

    def send_rest(self) -> None:
        """Send pending data, as far as possible without waiting."""
        try:
            while self._outgoing and self._send_some():
                pass
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()  # the worker is gone; its successor starts from the current state
            self._forget_attached()

    def close(self) -> None:
        """Close the descriptors that were not sent."""
        self._forget_attached()

    def _send_some(self) -> bool:
        """Send data up to the next message with a descriptor, or from there on; return whether all of that was sent."""
        if self._attached and self._attached[0][0] == 0:
            end = self._attached[1][0] if len(self._attached) > 1 else len(self._outgoing)
            sent = send_with(self._link, bytes(self._outgoing[:end]), [self._attached[0][1]])
            os.close(self._attached.popleft()[1])
        else:
            end = self._attached[0][0] if self._attached else len(self._outgoing)
            sent = self._link.send(bytes(self._outgoing[:end]), socket.MSG_DONTWAIT)
        del self._outgoing[:sent]
        self._attached = deque((at - sent, one) for at, one in self._attached)
        return sent == end

    def _forget_attached(self) -> None:
        while self._attached:
            os.close(self._attached.popleft()[1])

    @property
    def waits_to_send(self) -> bool:
        """Return whether data is pending until the worker reads."""
        return bool(self._outgoing)

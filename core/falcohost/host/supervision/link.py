"""The supervisor's end of the socket to one worker: non-blocking messages in both directions."""

from __future__ import annotations

import socket

from falcohost.host import wire
from falcohost.host.kept_descriptors import Kept
from falcohost.host.outgoing import Outgoing
from falcohost.store.admission import Refused


class Link:
    """The connection to one worker process. Attached descriptors go to *kept*.

    :ivar closed: the worker has closed its end; no more messages will arrive.
    """

    def __init__(self, link: socket.socket, kept: Kept) -> None:
        self.closed = False
        self._link = link
        self._kept = kept
        self._received: wire.Received[wire.Up] = wire.Received(wire.Up)
        self._outgoing = Outgoing()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._link.fileno()

    def read(self) -> list[wire.Up] | None:
        """Return the messages that are now complete; None if no data has arrived."""
        try:
            data = self._kept.receive(self._link)
        except BlockingIOError:
            return None
        except ConnectionError:
            data = memoryview(b"")
        if not data:
            self.closed = True
            return None
        return self._received.feed(data)

    @property
    def refused(self) -> Refused | None:
        """Return why what has arrived is not a message; all further data from this worker is ignored."""
        return self._received.refused

    def send(self, message: wire.Down, descriptor: int | None = None) -> None:
        """Send *message*, or as much of it as the socket takes; :meth:`send_rest` sends the rest.

        A duplicate of *descriptor* goes with it.
        """
        self._outgoing.add(wire.packed(message), descriptor)
        self.send_rest()

    def send_rest(self) -> None:
        """Send pending data, as far as possible without waiting."""
        try:
            self._outgoing.send(self._link)
        except OSError:
            self._outgoing.clear()  # the worker is gone; its successor starts from the current state

    def close(self) -> None:
        """Close the descriptors that were not sent."""
        self._outgoing.clear()

    @property
    def waits_to_send(self) -> bool:
        """Return whether data is pending until the worker reads."""
        return bool(self._outgoing)

"""The supervisor's end of the socket to one worker: messages in both directions, without waiting for either."""

from __future__ import annotations

import socket

from falcohost.host import wire
from falcohost.host.kept_sockets import Kept


class Link:
    """The messages of one worker's life. Descriptors that come with them go to *kept*.

    :ivar closed: the worker has closed its end; nothing comes any more.
    """

    def __init__(self, link: socket.socket, kept: Kept) -> None:
        self.closed = False
        self._link = link
        self._kept = kept
        self._received: wire.Received[wire.Up] = wire.Received(wire.Up)
        self._outgoing = bytearray()
        self._deaf = False

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._link.fileno()

    def read(self) -> list[wire.Up] | None:
        """Return the messages that are complete with what has arrived; None where nothing has.

        :raises ValueError: what came is no message; nothing more is read from this worker.
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

    def send(self, message: wire.Down) -> None:
        """Tell the worker something; what does not fit waits for :meth:`send_rest`."""
        self._outgoing += wire.packed(message)
        self.send_rest()

    def send_rest(self) -> None:
        """Send what waits, as far as that is possible now."""
        try:
            del self._outgoing[: self._link.send(self._outgoing, socket.MSG_DONTWAIT)]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()  # the worker is gone, and its successor begins with what is true then

    @property
    def waits_to_send(self) -> bool:
        """Return whether something waits until the worker reads."""
        return bool(self._outgoing)

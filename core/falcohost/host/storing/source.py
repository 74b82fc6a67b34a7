"""The store's end of its link to the worker of one source."""

from __future__ import annotations

import socket

from falcohost.host import data, wire
from falcohost.host.memory import unused
from falcohost.host.outgoing import Outgoing
from falcohost.store.admission import Admission, Refused

_SIZE = 1 << 18


class SourceLink:
    """The link to one worker of the source of *admission*, which decides what is taken from it.

    :ivar name: the name of the source.
    :ivar begun: the worker was told from where on to read.
    :ivar closed: the worker has closed its end or is not listened to any more; nothing more will arrive.
    :ivar number: the number of the last message that has arrived.
    """

    def __init__(self, admission: Admission, link: socket.socket) -> None:
        self.name = admission.source
        self.begun = self.closed = False
        self.number = 0
        self._told = 0
        self._cursor: str | None = None
        self._link = link
        self._received = data.FromSource(admission)
        self._outgoing = Outgoing()
        self._buffer = unused(_SIZE)  # reused, since allocating it costs more than reading into it

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._link.fileno()

    def read(self) -> list[data.Alerts]:
        """Return the messages that are now complete."""
        try:
            size = self._link.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError:
            size = 0
        if not size:
            self.closed = True
            return []
        messages = self._received.feed(self._buffer[:size])
        if messages:
            self.number = messages[-1].sent.number
        return messages

    @property
    def refused(self) -> Refused | None:
        """Return why what has arrived is not taken; nothing more is read."""
        return self._received.refused

    def begin(self, cursor: str | None) -> None:
        """Tell the worker from where on to read."""
        self.begun = True
        self._say(data.Begin(cursor))

    def acknowledge(self, cursor: str | None) -> None:
        """Tell the worker that all its messages are stored, and *cursor* is written (None: no new one)."""
        self._cursor = cursor or self._cursor
        if self._outgoing:  # it does not read; the last acknowledgement counts for all
            self.send_rest()
        if not self._outgoing and (self.number > self._told or self._cursor is not None):
            self._say(data.Stored(self.number, self._cursor))
            self._told, self._cursor = self.number, None

    @property
    def waits_to_send(self) -> bool:
        """Return whether something waits until the worker reads."""
        return bool(self._outgoing)

    def send_rest(self) -> None:
        """Send what waits, as far as possible without waiting."""
        try:
            self._outgoing.send(self._link)
        except OSError:
            self._outgoing.clear()  # it is gone

    def close(self) -> None:
        """Close the socket."""
        self._outgoing.clear()
        self._link.close()

    def _say(self, message: data.ToSource) -> None:
        self._outgoing.add(wire.packed(message))
        self.send_rest()

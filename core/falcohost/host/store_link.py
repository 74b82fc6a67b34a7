"""A source's end of its link to the store. What is not stored yet is kept, and sent again to the next store."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from falcohost.alert import Alert
from falcohost.host import data, wire

#: Most alerts, and most bytes of them, that are kept until they are stored. With more, the source waits.
MOST_ALERTS = 8192
MOST_BYTES = 16 << 20

#: Bytes that are received at once; what the store says is short.
_SIZE = 4096


class StoreLink:
    """Sends alerts to the store at the other end of *link*.

    :ivar begun: the store has said from where on the source is read: after :attr:`cursor`.
    """

    def __init__(self, link: socket.socket) -> None:
        self.begun = False
        self.cursor: str | None = None
        self._link: socket.socket | None = link
        self._received: wire.Received[data.ToSource] = wire.Received(data.ToSource)
        self._unstored: deque[data.PackedAlerts] = deque()
        self._alerts = self._bytes = 0
        self._number = self._stored = 0
        self._once_stored: deque[tuple[int, Callable[[], object]]] = deque()
        self._sent: str | None = None
        self._uncovered = False
        self._heard: str | None = None
        self._written: str | None = None

    def fileno(self) -> int | None:
        """Return the socket's descriptor; None while there is no store."""
        return None if self._link is None else self._link.fileno()

    @property
    def full(self) -> bool:
        """Return whether so much waits for the store that the source has to wait, too."""
        return self._alerts > MOST_ALERTS or self._bytes > MOST_BYTES

    @property
    def empty(self) -> bool:
        """Return whether the store has everything."""
        return not self._unstored

    @property
    def has_all(self) -> bool:
        """Return whether the store has written all alerts, and the last cursor behind them."""
        return not (self._unstored or self._uncovered) and self._sent == self._heard

    def spare(self, cursor: str) -> None:
        """Take *cursor* for written: there are no alerts before it that the store has not, and nobody else wants it."""
        self._written = cursor

    @property
    def settled(self) -> bool:
        """Return whether the store has everything, and all that waited for that was run."""
        return self.empty and not self._once_stored

    def send(self, alerts: Sequence[Alert], cursor: str | None, *, rewinds: bool, ended: bool = False) -> None:
        """Send *alerts*, and keep them until they are stored. Waits while the store does not read."""
        self.send_encoded([*map(data.encoded, alerts)], cursor, rewinds=rewinds, ended=ended)

    def send_encoded(
        self, alerts: Sequence[data.Encoded], cursor: str | None, *, rewinds: bool, ended: bool = False
    ) -> None:
        """Send *alerts*, which are encoded already, as :meth:`send` does."""
        self._sent = cursor or self._sent
        self._uncovered = cursor is None and (self._uncovered or bool(alerts))
        for message in data.pack_encoded(self._number + 1, alerts, cursor, rewinds=rewinds, ended=ended):
            self._number = message.number
            self._unstored.append(message)
            self._count(message, 1)
            self._transmit(message)

    def read(self) -> None:
        """Process what the store has said, without waiting."""
        if self._link is None or not self._expects:
            return
        try:
            while received := self._link.recv(_SIZE, socket.MSG_DONTWAIT):
                for message in self._received.feed(received):
                    self._hear(message)
                if len(received) < _SIZE:  # there is no more for now, and to ask is dear
                    return
            self._lose()
        except BlockingIOError:
            pass
        except OSError:
            self._lose()

    def written(self) -> str | None:
        """Return the last cursor that was written since the last call; None: none. Run what waited for it."""
        self.go_on()
        cursor, self._written = self._written, None
        return cursor

    def go_on(self) -> None:
        """Run what waited for what is stored now."""
        while self._once_stored and self._once_stored[0][0] <= self._stored:
            self._once_stored.popleft()[1]()

    def once_stored(self, call: Callable[[], object]) -> None:
        """Have :meth:`written` run *call* once the store has all that was sent; run it at once if it has."""
        if self.empty and not self._once_stored:
            call()
        else:
            self._once_stored.append((self._number, call))

    def renew(self, link: socket.socket) -> None:
        """Go on with a new store: send it again what was not stored."""
        self._lose()
        self._link = link
        self._received = wire.Received(data.ToSource)
        for message in self._unstored:
            self._transmit(msgspec.structs.replace(message, again=True))

    def close(self) -> None:
        """Close the socket."""
        self._lose()

    def _hear(self, message: data.ToSource) -> None:
        if isinstance(message, data.Begin):
            if not self.begun:
                self.begun, self.cursor = True, message.cursor
            return
        self._stored = min(message.number, self._number)
        while self._unstored and self._unstored[0].number <= message.number:
            self._count(self._unstored.popleft(), -1)
        if message.cursor is not None:
            self._written = self._heard = message.cursor

    @property
    def _expects(self) -> bool:
        """Return whether the store has something to say."""
        return bool(self._unstored) or self._sent != self._heard or not self.begun

    def _count(self, message: data.PackedAlerts, sign: int) -> None:
        self._alerts += sign * len(message.bodies)
        self._bytes += sign * sum(map(len, message.bodies))

    def _transmit(self, message: data.PackedAlerts) -> None:
        if self._link is not None:
            try:
                self._link.sendall(wire.packed(message))
            except OSError:
                self._lose()

    def _lose(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

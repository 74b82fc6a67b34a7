"""A worker's connection to the supervisor: the sink of its pipeline, and all other messages between the two."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.host import kept_descriptors, wire
from falcohost.host.descriptors import receive_with
from falcohost.host.worker_data import WorkerData, unseal

#: Gathered alerts are sent at the end of their batch, or when the first is this many seconds old, or there are so many.
GATHER = 0.05
MOST_GATHERED = 256

#: Most descriptors that arrive at once; a message with one ends what arrives at once.
MOST_ATTACHED = 4


class Uplink:
    """Sends messages to the supervisor; gathers alerts into few messages without delaying them.

    :ivar rewinds: the current batch has a cursor.
    """

    def __init__(self, link: socket.socket, clock: Clock = SYSTEM) -> None:
        self.rewinds = False
        self._now = clock.monotonic
        self._link = link
        self._lock = threading.Lock()  # the source's threads log through this too
        self._alerts: list[Alert] = []
        self._first = 0.0
        self._cursor: str | None = None
        # No number of an earlier worker is as high, so no late answer to that one counts here.
        self._sent = self._stored = int(clock.monotonic() * 1e9)
        self._once_stored: deque[tuple[int, Callable[[], object]]] = deque()
        self._attached: deque[int] = deque()
        self._received: wire.Received[wire.Down] = wire.Received(wire.Down)

    def send(self, message: wire.Up) -> None:
        """Send *message*.

        :raises SystemExit: the supervisor is gone, so there is nothing left to do.
        """
        try:
            with self._lock:
                wire.send(self._link, message)
        except OSError as error:
            raise SystemExit(1) from error

    def send_descriptors(self) -> None:
        """Send the source's descriptors that are to be kept.

        :raises SystemExit: the supervisor is gone.
        """
        try:
            with self._lock:
                kept_descriptors.hand_up(self._link)
        except OSError as error:
            raise SystemExit(1) from error

    def add(self, alert: Alert) -> None:
        """Add an alert to those that are sent next."""
        alerts, now = self._alerts, self._now()
        if not alerts:
            self._first = now
        alerts.append(alert)
        if len(alerts) >= MOST_GATHERED or now - self._first > GATHER:
            self.flush(None)

    def flush(self, cursor: str | None) -> None:
        """Send the gathered alerts with *cursor*, unless it is the one that was sent last."""
        new = None if cursor == self._cursor else cursor
        if self._alerts or new is not None:
            self._sent += 1
            self.send(wire.Alerts(self._alerts, new, self.rewinds, self._sent))
            self._cursor = new or self._cursor
            self._alerts = []

    def once_stored(self, call: Callable[[], object]) -> None:
        """Run *call* once the store has the alerts that were sent; at once if it has."""
        if self._stored == self._sent:
            call()
        else:
            self._once_stored.append((self._sent, call))

    def stored(self, number: int) -> None:
        """Take note that the store has the alerts up to the message with this number."""
        self._stored = max(self._stored, min(number, self._sent))
        while self._once_stored and self._once_stored[0][0] <= self._stored:
            self._once_stored.popleft()[1]()

    def log(self, level: int, text: str) -> None:
        """Send a message for the log."""
        self.send(wire.LogLine(level, text))

    def received(self) -> list[wire.Down]:
        """Return the messages that have arrived since the last call, without waiting."""
        try:
            data, attached = receive_with(self._link, 65536, MOST_ATTACHED)
        except BlockingIOError:
            return []
        except OSError as error:
            raise SystemExit(1) from error
        if not data:
            raise SystemExit(1)
        self._attached += attached
        return self._received.feed(data)

    def new_data(self) -> WorkerData:
        """Return the data that is attached to the earliest message for which this was not called yet.

        :raises ValueError: it cannot be read.
        """
        descriptor = self._attached.popleft()
        try:
            return unseal(descriptor)
        finally:
            os.close(descriptor)

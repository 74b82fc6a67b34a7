"""A worker's connections: the sink of its pipeline, whose alerts go to the store, and messages with the supervisor."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.ruleset import Rule
from falcohost.errors import SourceError
from falcohost.events import Event
from falcohost.host import kept_descriptors, wire
from falcohost.host.data import Encoded, encoded
from falcohost.host.descriptors import receive_with
from falcohost.host.response.request import Asking
from falcohost.host.store_link import StoreLink
from falcohost.host.worker_data import WorkerData, unseal
from falcohost.pipeline.pending import Take
from falcohost.store.admission import MOST_CURSOR
from falcohost.store.body import encode_short

#: Gathered alerts are sent at the end of their batch, unless another follows at once; in any case when the first is
#: this many seconds old, or there are so many.
GATHER = 0.05
MOST_GATHERED = 512

#: Most descriptors that arrive at once; a message with one ends what arrives at once.
MOST_ATTACHED = 4

#: Seconds for which the end of a worker waits until its last alerts are stored.
LAST = 4.0


class Uplink:
    """Sends messages to the supervisor, and alerts to the store; gathers alerts into few messages without delay.

    :param link: the socket to the supervisor; *store*: the link to the store.
    :ivar rewinds: the current batch has a cursor.
    :ivar more: another batch follows the current one at once.
    :ivar fleeting: its cursor only tells when alerts are stored.
    """

    def __init__(self, link: socket.socket, store: StoreLink, clock: Clock = SYSTEM) -> None:
        self.rewinds = self.more = self.fleeting = False
        self._now = clock.monotonic
        self._link = link
        self._arrived = select.poll()
        self._arrived.register(link, select.POLLIN)
        self._store = store
        self._lock = threading.Lock()  # the source's threads log through this too
        self._alerts: list[Encoded] = []
        self._first = 0.0
        self._cursor: str | None = None
        self._held: str | None = None
        self._received: wire.Received[wire.Down] = wire.Received(wire.Down)
        self._heard: list[wire.Down] = []
        self._attached: deque[int] = deque()
        self._data: deque[int] = deque()
        self._asking: Asking | None = None
        self._actions: socket.socket | None = None

    def begin(self) -> str | None:
        """Return the cursor after which the source resumes; waits until the store says it."""
        while not self._store.begun:
            self._wait()
        return self._store.cursor

    def send(self, message: wire.Up) -> None:
        """Send *message* to the supervisor.

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
        """Add an alert to those that are sent next. It is encoded at once, which takes less memory than it does."""
        self._add(encoded(alert))

    def adding(self, maker: AlertMaker) -> Take:
        """Return what adds the alert of a match, of which *maker* makes only what is sent."""
        short = maker.short

        def add(rule: Rule, event: Event) -> None:
            alert, metadata = short(rule, event)
            self._add((encode_short(alert, metadata), metadata))

        return add

    def _add(self, one: Encoded) -> None:
        alerts, now = self._alerts, self._now()
        if not alerts and self._held is None:
            self._first = now
        alerts.append(one)
        if len(alerts) >= MOST_GATHERED or now - self._first > GATHER:
            self.flush(None)

    def flush(self, cursor: str | None) -> None:
        """Send the gathered alerts with *cursor*, unless it is the one that was sent last.

        If another batch follows at once, a cursor and what belongs to it may wait for that.

        :raises SourceError: the cursor is too long.
        """
        new = self._held if cursor is None or cursor == self._cursor else cursor
        if new is not None and len(new) > MOST_CURSOR:
            raise SourceError(f"its cursor has {len(new)} characters, more than the limit of {MOST_CURSOR}.")
        if not self._alerts and new is None:
            return
        if self.fleeting and cursor is not None and not self._alerts and self._store.has_all:
            self._cursor = cursor
            self._store.spare(cursor)
            return
        if self.more and cursor is not None and self._may_wait():
            self._held = new
            return
        alerts, self._alerts = self._alerts, []
        self._cursor, self._held = new or self._cursor, None
        self._store.send_encoded(alerts, new, rewinds=self.rewinds)
        while self._store.full:
            self._wait()

    def _may_wait(self) -> bool:
        now = self._now()
        if not self._alerts and self._held is None:
            self._first = now
        return now - self._first <= GATHER

    def finish(self, *, ended: bool) -> None:
        """Wait until all alerts are stored, and what waits for that is run, for at most :data:`LAST` seconds.

        :param ended: the source has ended by itself; if it is read again, it starts from the beginning.
        """
        until = time.monotonic() + LAST
        self._settle(until)
        if ended:
            self._store.send((), None, rewinds=self.rewinds, ended=True)
            self._settle(until)

    def _settle(self, until: float) -> None:
        self._store.go_on()
        while not self._store.settled and (left := until - time.monotonic()) > 0:
            self._wait(left)
            self._store.go_on()

    def store_descriptor(self) -> int | None:
        """Return the descriptor of the link to the store; None while there is no store."""
        return self._store.fileno()

    @property
    def all_stored(self) -> bool:
        """Return whether the store has all alerts that were sent."""
        return self._store.settled

    def once_stored(self, call: Callable[[], object]) -> None:
        """Run *call* once the store has the alerts that were sent; at once if it has."""
        self._store.once_stored(call)

    def leave_store(self) -> None:
        """Let go of the store: nothing will be sent to it."""
        self._store.close()

    def log(self, level: int, text: str) -> None:
        """Send a message for the log."""
        self.send(wire.LogLine(level, wire.shortened(text, wire.MOST_TEXT)))

    def written(self) -> str | None:
        """Return the cursor that the store has written since the last call; None: none. Never waits.

        Runs what waits for alerts that are stored now.
        """
        self._store.read()
        return self._store.written()

    def received(self) -> list[wire.Down]:
        """Return the supervisor's messages that have arrived since the last call, without waiting."""
        self._listen()
        heard, self._heard = self._heard, []
        return heard

    def wait(self, seconds: float) -> list[wire.Down]:
        """Return the supervisor's next messages; wait for them for at most so many *seconds*."""
        self._arrived.poll(seconds * 1000)
        return self.received()

    def _wait(self, seconds: float | None = None) -> None:
        """Wait until the store or the supervisor says something, and process it."""
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        if (descriptor := self._store.fileno()) is not None:
            poll.register(descriptor, select.POLLIN)
        poll.poll(None if seconds is None else seconds * 1000)
        self._listen()
        self._store.read()

    def _listen(self) -> None:
        """Take the supervisor's messages.

        :raises SystemExit: the supervisor is gone.
        """
        if not self._arrived.poll(0):  # which takes much less than receiving nothing
            return
        try:
            data, attached = receive_with(self._link, 65536, MOST_ATTACHED)
        except BlockingIOError:
            return
        except OSError as error:
            raise SystemExit(1) from error
        if not data:
            raise SystemExit(1)
        self._attached += attached
        for message in self._received.feed(data):
            if isinstance(message, wire.NewStore):
                self._store.renew(socket.socket(fileno=self._attached.popleft()))
                continue
            if isinstance(message, wire.NewActions):
                self._take_actions(socket.socket(fileno=self._attached.popleft()))
                continue
            if isinstance(message, wire.NewRules):
                self._data.append(self._attached.popleft())
            self._heard.append(message)

    def act(self, asking: Asking) -> None:
        """Have *asking* ask the process that acts, as soon as there is a socket to it."""
        self._asking = asking
        if self._actions is not None:
            asking.renew(self._actions)
            self._actions = None

    def act_on(self, rules: Collection[str] | None) -> None:
        """Ask for actions on alerts of these *rules* from now on."""
        if self._asking is not None:
            self._asking.rules = frozenset(rules or ())

    def _take_actions(self, link: socket.socket) -> None:
        if self._asking is not None:
            self._asking.renew(link)
            return
        if self._actions is not None:
            self._actions.close()
        self._actions = link

    def new_descriptor(self) -> int:
        """Return the memfd that is attached to the earliest new rules for which this was not called yet."""
        return self._data.popleft()

    def new_data(self) -> WorkerData:
        """Return the data in :meth:`new_descriptor`.

        :raises ValueError: it cannot be read.
        """
        descriptor = self.new_descriptor()
        try:
            return unseal(descriptor)
        finally:
            os.close(descriptor)

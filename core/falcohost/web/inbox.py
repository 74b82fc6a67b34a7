"""Between the thread that talks to senders and the one that matches: what came in, and what has become of it.

A request is given in with a function to call once its events' alerts are stored. It is taken out in order, handed on
under a cursor, and answered when that cursor is acknowledged.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

#: Called once, from any thread: the alerts are stored, or (False) nobody will ever say so.
Answer = Callable[[bool], None]

#: Bytes after which no further request joins those that are handed on under one cursor.
TOGETHER = 1 << 20

#: Seconds: how often it is looked whether something is stored, as long as a sender waits for it.
SOON, LATER = 0.001, 0.02

#: Seconds between two looks at nothing.
IDLE = 0.5


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request's *body*, which *answer* is about."""

    body: bytes
    answer: Answer


class Inbox:
    """Holds at most *held* bytes of at most *waiting* requests."""

    def __init__(self, held: int, waiting: int) -> None:
        self._most_held, self._most_waiting = held, waiting
        self._lock = threading.Lock()
        self._held = self._waiting = 0
        self._closed = False
        self._given: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._taken: deque[tuple[int, list[Delivery]]] = deque()
        self._serial = 0
        # A cursor of an earlier life of the worker may be acknowledged in this one.
        self._life = secrets.token_hex(8)
        self._pause = SOON

    # the thread of the senders

    def hold(self, size: int) -> bool:
        """Make room for *size* bytes that arrive; return whether there is any."""
        with self._lock:
            if self._held + size > self._most_held:
                return False
            self._held += size
            return True

    def release(self, size: int) -> None:
        """Give back the room for *size* bytes."""
        with self._lock:
            self._held -= size

    def give(self, delivery: Delivery) -> bool:
        """Take a *delivery* for whose body there is room, which is given back here; return False if it is too much."""
        with self._lock:
            if self._closed or self._waiting >= self._most_waiting:
                return False
            self._waiting += 1
            self._given.put(delivery)
        return True

    # the thread that matches

    def take(self) -> tuple[list[bytes], str | None]:
        """Return the bodies that came, and the cursor that is true once they are handled; wait a little if none did."""
        bodies = self._next()
        if not bodies:
            return [], None
        self._serial += 1
        self._pause = SOON
        self._taken.append((self._serial, bodies))
        return [delivery.body for delivery in bodies], f"{self._life}:{self._serial}"

    def ack(self, cursor: str) -> None:
        """Answer what came up to *cursor*."""
        life, _, serial = cursor.partition(":")
        if life != self._life:
            return
        while self._taken and self._taken[0][0] <= int(serial):
            self._finish(self._taken.popleft()[1], stored=True)

    def close(self) -> None:
        """Answer everything that waits: nobody will say that it is stored."""
        with self._lock:
            self._closed = True
        while self._taken:
            self._finish(self._taken.popleft()[1], stored=False)
        while not self._given.empty():
            self._finish([self._given.get_nowait()], stored=False)

    def _next(self) -> list[Delivery]:
        deliveries: list[Delivery] = []
        size = 0
        with contextlib.suppress(queue.Empty):
            while size < TOGETHER:
                delivery = self._given.get_nowait() if deliveries else self._given.get(timeout=self._patience())
                deliveries.append(delivery)
                size += len(delivery.body)
        return deliveries

    def _patience(self) -> float:
        """Return for how long to wait for a request: the store's word on earlier ones may come in the meantime."""
        if not self._taken:
            return IDLE
        pause, self._pause = self._pause, min(self._pause * 1.5, LATER)
        return pause

    def _finish(self, deliveries: list[Delivery], *, stored: bool) -> None:
        with self._lock:
            self._waiting -= len(deliveries)
            self._held -= sum(len(delivery.body) for delivery in deliveries)
        for delivery in deliveries:
            delivery.answer(stored)

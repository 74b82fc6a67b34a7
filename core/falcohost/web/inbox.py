"""The queue between the thread that serves senders and the thread that matches events.

A request is added with a function to call once its alerts are stored. Requests are taken out in order, passed on with a
cursor, and answered when that cursor is acknowledged.
"""

from __future__ import annotations

import os
import secrets
import select
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

#: Called once, from any thread: whether the alerts are stored (False: not known, and never will be).
Answer = Callable[[bool], None]

#: Bytes of requests after which no more are added to the same cursor.
TOGETHER = 4 << 20

#: Shortest and longest interval of checks whether something is stored, while a sender waits, in seconds. That is
#: mostly told before, by the descriptor (:meth:`Inbox.stored_at`).
SOON, LATER = 0.001, 0.02

#: Seconds between two checks while there is nothing.
IDLE = 0.5


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request's *body*, and the function *answer* to call with the result.

    :ivar accept: is called if the body cannot be decoded at once; returns whether it contains records. If not, the
        sender is told so, and *answer* does nothing any more. None: it contains some.
    """

    body: bytes
    answer: Answer
    accept: Callable[[], bool] | None = None


class Inbox:
    """Holds at most *waiting* requests of at most *held* bytes in total."""

    def __init__(self, held: int, waiting: int) -> None:
        self._most_held, self._most_waiting = held, waiting
        self._lock = threading.Lock()
        self._held = self._waiting = 0
        self._closed = False
        self._given: deque[Delivery] = deque()
        self._taken: deque[tuple[int, list[Delivery]]] = deque()
        self._serial = 0
        # A cursor of an earlier worker may be acknowledged in this one.
        self._life = secrets.token_hex(8)
        self._pause = SOON
        self._stored_at: Callable[[], int | None] = lambda: None
        self._watched: int | None = None
        self._comes: int | None = None
        self._poll = select.poll()
        self._woken_for = 0

    def __del__(self) -> None:
        """Close the descriptor, which the thread of the senders may use until the end."""
        if self._comes is not None:
            os.close(self._comes)

    # the thread of the senders

    def hold(self, size: int) -> bool:
        """Reserve memory for *size* bytes; return whether there is enough."""
        with self._lock:
            if self._held + size > self._most_held:
                return False
            self._held += size
            return True

    def release(self, size: int) -> None:
        """Release the memory of *size* bytes."""
        with self._lock:
            self._held -= size

    def give(self, delivery: Delivery) -> bool:
        """Add *delivery*, whose memory is reserved; return False if too many requests are waiting."""
        with self._lock:
            if self._closed or self._waiting >= self._most_waiting:
                return False
            self._waiting += 1
            self._given.append(delivery)
            if len(self._given) == 1 and self._comes is not None:
                os.eventfd_write(self._comes, 1)
        return True

    # the thread that matches

    def stored_at(self, descriptor: Callable[[], int | None]) -> None:
        """Have :meth:`take` return also when what this returns is readable: something may be acknowledged then."""
        self._stored_at = descriptor

    def take(self) -> tuple[list[Delivery], str | None]:
        """Return the waiting requests and the cursor for them; if there are none, wait a little first."""
        found = self._next()
        if not found:
            return [], None
        self._serial += 1
        self._pause = SOON
        self._taken.append((self._serial, found))
        return found, f"{self._life}:{self._serial}"

    def ack(self, cursor: str) -> None:
        """Answer the requests up to *cursor*."""
        life, _, serial = cursor.partition(":")
        if life != self._life:
            return
        while self._taken and self._taken[0][0] <= int(serial):
            self._finish(self._taken.popleft()[1], stored=True)

    def close(self) -> None:
        """Answer all waiting requests with False."""
        with self._lock:
            self._closed = True
        while self._taken:
            self._finish(self._taken.popleft()[1], stored=False)
        while self._given:
            self._finish([self._given.popleft()], stored=False)

    def _next(self) -> list[Delivery]:
        if not self._given:
            self._wait()
        deliveries: list[Delivery] = []
        size = 0
        with self._lock:
            while self._given and size < TOGETHER:
                deliveries.append(self._given.popleft())
                size += len(deliveries[-1].body)
        return deliveries

    def _wait(self) -> None:
        """Wait until a request has come, or what was taken may be stored."""
        if (comes := self._comes) is None:
            comes = self._open()
        first = self._taken[0][0] if self._taken else 0
        # If it was readable and nothing was acknowledged, it may stay so: a store that has ended, or lookups that wait.
        descriptor = self._stored_at() if first and first != self._woken_for else None
        if descriptor != self._watched:
            if self._watched is not None:
                self._poll.unregister(self._watched)
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
            self._watched = descriptor
        for ready, _ in self._poll.poll(1000 * self._patience(told=descriptor is not None)):
            if ready == comes:
                os.eventfd_read(comes)
            else:
                self._woken_for = first

    def _open(self) -> int:
        """Open the descriptor that tells of requests; in the process that waits for them, not in one that forks it."""
        comes = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(comes, select.POLLIN)
        with self._lock:
            self._comes = comes
            if self._given:
                os.eventfd_write(comes, 1)
        return comes

    def _patience(self, *, told: bool) -> float:
        """Return how long to wait for a request; shorter while earlier ones wait to be acknowledged.

        :param told: the wait ends when they are.
        """
        if not self._taken:
            return IDLE
        if told:
            return LATER
        pause, self._pause = self._pause, min(self._pause * 1.5, LATER)
        return pause

    def _finish(self, deliveries: list[Delivery], *, stored: bool) -> None:
        with self._lock:
            self._waiting -= len(deliveries)
            self._held -= sum(len(delivery.body) for delivery in deliveries)
        for delivery in deliveries:
            delivery.answer(stored)

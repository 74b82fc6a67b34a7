"""Waiting for AWS without standing still: calls go to threads, and while they last the source says that it is idle."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeAlias, TypeVar

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Origin, Texts

T = TypeVar("T")

#: Yields texts, and returns something in the end.
Yielding: TypeAlias = Generator[Texts, None, T]

#: Seconds between two batches of nothing.
IDLE = 0.25

NOWHERE = Origin("", "")


class Waiting:
    """Calls at most *most* functions at a time in threads. *idle* returns what to yield meanwhile."""

    def __init__(self, most: int, idle: Callable[[], Texts], clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(most, "aws")
        self._idle = idle

    def begin(self, call: Callable[[], T]) -> Future[T]:
        """Call *call* in a thread."""
        return self._pool.submit(call)

    def end(self, future: Future[T]) -> Yielding[T]:
        """Return what *future* brings; raise what it raises."""
        while not wait([future], IDLE).done:
            yield self._idle()
        return future.result()

    def call(self, call: Callable[[], T]) -> Yielding[T]:
        """Return what *call* returns; raise what it raises."""
        return self.end(self.begin(call))

    def pause(self, seconds: float) -> Yielding[None]:
        """Do nothing for a while."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            yield self._idle()
            self._clock.sleep(min(left, IDLE))

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

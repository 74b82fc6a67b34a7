"""Waits for AWS without blocking: calls run in threads, and meanwhile the source yields empty batches."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeAlias, TypeVar

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Origin, Texts

T = TypeVar("T")

#: Yields texts, and finally returns something.
Yielding: TypeAlias = Generator[Texts, None, T]

#: Seconds between two empty batches.
IDLE = 0.25

NOWHERE = Origin("", "")


class Waiting:
    """Runs at most *most* calls at a time in threads; *idle* returns what to yield meanwhile."""

    def __init__(self, most: int, idle: Callable[[], Texts], clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(most, "aws")
        self._idle = idle

    def begin(self, call: Callable[[], T]) -> Future[T]:
        """Run *call* in a thread."""
        return self._pool.submit(call)

    def end(self, future: Future[T]) -> Yielding[T]:
        """Return the result of *future*, or raise its exception."""
        while not wait([future], IDLE).done:
            yield self._idle()
        return future.result()

    def call(self, call: Callable[[], T]) -> Yielding[T]:
        """Return the result of *call*, or raise its exception."""
        return self.end(self.begin(call))

    def pause(self, seconds: float) -> Yielding[None]:
        """Wait for *seconds*."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            yield self._idle()
            self._clock.sleep(min(left, IDLE))

    def close(self) -> None:
        """Start no more calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)

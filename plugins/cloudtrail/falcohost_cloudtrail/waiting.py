"""Waits for AWS without blocking: calls run in threads, and meanwhile the source yields empty batches.

What can be asked for directly is driven by the source's own thread, while it waits and between two objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, Protocol, TypeAlias, TypeVar

from falcohost.aws import AwsError
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Origin, Texts

T = TypeVar("T")

#: Yields texts, and finally returns something.
Yielding: TypeAlias = Generator[Texts, None, T]

#: Seconds between two empty batches.
IDLE = 0.25

#: Seconds after which a call in a thread counts as failed. boto3 waits for ever for who sends a byte now and then
#: (whoever is on the way can do that, also with TLS), and nobody would be told.
LONGEST = 600.0

NOWHERE = Origin("", "")


class Driven(Protocol):
    """What sends and takes in the thread that drives it (:class:`falcohost.aws.exchanges.Exchanges`)."""

    def drive(self, seconds: float = 0.0) -> None:
        """Send and take, waiting at most *seconds*."""

    def close(self) -> None:
        """End it."""


class Pending(Generic[T]):
    """A result that is asked for directly with *ask*, or else *otherwise* in a thread.

    :param ask: is given what takes the result, or None if there is none; it returns False if it does not ask.
    :param otherwise: is given whether *ask* had none.
    """

    def __init__(
        self,
        begin: Callable[[Callable[[], T]], Future[T]],
        ask: Callable[[Callable[[T | None], None]], bool],
        otherwise: Callable[[bool], T],
    ) -> None:
        self._begin = begin
        self._otherwise = otherwise
        self._result: T | None = None
        self.future: Future[T] | None = None
        self._since = 0.0
        if not ask(self._take):
            self._begin_otherwise(failed=False)

    def done(self) -> bool:
        """Return whether there is a result, or an exception."""
        return self._result is not None or (self.future is not None and (self.future.done() or self._is_late))

    def result(self) -> T:
        """Return the result, or raise the exception.

        :raises AwsError: the call in a thread has no end.
        """
        if self._result is not None:
            return self._result
        assert self.future is not None
        if not self.future.done():
            raise AwsError("AWS", "no answer in time")
        return self.future.result()

    def _take(self, result: T | None) -> None:
        self._result = result
        if result is None:
            self._begin_otherwise(failed=True)

    def _begin_otherwise(self, *, failed: bool) -> None:
        self._since = time.monotonic()
        self.future = self._begin(lambda: self._otherwise(failed))

    @property
    def _is_late(self) -> bool:
        return time.monotonic() - self._since >= LONGEST


class Waiting:
    """Runs at most *most* calls at a time in threads; *idle* returns what to yield meanwhile.

    :ivar driven: sends and takes what is asked for directly, if anything is.
    """

    def __init__(self, most: int, idle: Callable[[], Texts], clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(most, "aws")
        self._idle = idle
        self.driven: Driven | None = None

    def begin(self, call: Callable[[], T]) -> Future[T]:
        """Run *call* in a thread."""
        return self._pool.submit(call)

    def ask(self, ask: Callable[[Callable[[T | None], None]], bool], otherwise: Callable[[bool], T]) -> Pending[T]:
        """Ask for something directly, or else in a thread."""
        return Pending(self.begin, ask, otherwise)

    def look(self, pending: Future[T] | Pending[T], seconds: float = 0.0) -> bool:
        """Return whether *pending* is there, after at most so many *seconds*."""
        if pending.done():
            return True
        future = pending.future if isinstance(pending, Pending) else pending
        if future is not None:
            wait([future], seconds)
            seconds = 0.0
        if self.driven is not None:
            self.driven.drive(seconds)
        return pending.done()

    def go_on(self) -> None:
        """Send and take what is asked for directly, without waiting."""
        if self.driven is not None:
            self.driven.drive()

    def end(self, pending: Future[T] | Pending[T]) -> Yielding[T]:
        """Return the result of *pending*, or raise its exception."""
        while not self.look(pending, IDLE):
            yield self._idle()
        return pending.result()

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
        if self.driven is not None:
            self.driven.close()

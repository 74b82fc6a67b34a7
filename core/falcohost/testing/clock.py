"""A clock that stands until a test turns it on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

#: Seconds of real time after which a test has failed that waits for a thread.
PATIENCE = 60.0

SECOND = 1_000_000_000


@dataclass(slots=True, eq=False)
class _Wait:
    condition: threading.Condition
    until: int | None


class ManualClock:
    """A :class:`~falcohost.clock.Clock` whose time passes only by :meth:`advance`, and by :meth:`sleep`.

    :param time_ns: the time of day at which it begins, in nanoseconds since the epoch.
    """

    def __init__(self, time_ns: int = 1_700_000_000_000_000_000) -> None:
        self._seconds = 0.0  # the sum that one gets who adds to what monotonic() has returned
        self._passed = 0  # the same in nanoseconds, which is exact
        self._began = time_ns
        self._waits: list[_Wait] = []
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        """Return the seconds that it was advanced by."""
        return self._seconds

    def time_ns(self) -> int:
        """Return the time of day, in nanoseconds since the epoch."""
        return self._began + self._passed

    def sleep(self, seconds: float) -> None:
        """Let so many *seconds* pass at once: whoever sleeps in the test's own thread would sleep for ever."""
        self.advance(seconds)

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait on *condition*, which is held, until *predicate* holds or *timeout* seconds were advanced."""
        with self._changed:
            wait = _Wait(condition, None if timeout is None else self._passed + round(timeout * SECOND))
            self._waits.append(wait)
            self._changed.notify_all()
        try:
            condition.wait_for(lambda: predicate() or (wait.until is not None and self._passed >= wait.until))
        finally:
            with self._changed:
                self._waits.remove(wait)
        return predicate()

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass, and wake those who waited for that."""
        with self._changed:
            self._seconds += seconds
            self._passed += round(seconds * SECOND)
            due = [wait.condition for wait in self._waits if wait.until is not None and wait.until <= self._passed]
        for condition in due:
            with condition:
                condition.notify_all()

    def until_waiting(self) -> float:
        """Return when a thread waits for the time: for how many seconds more, the nearest of several.

        :raises AssertionError: none does for a minute of real time.
        """
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self._times()), PATIENCE), "no thread waits for the time"
            return (min(self._times()) - self._passed) / SECOND

    def _times(self) -> list[int]:
        return [wait.until for wait in self._waits if wait.until is not None and wait.until > self._passed]

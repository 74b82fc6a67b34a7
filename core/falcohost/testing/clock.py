"""A clock whose time stands still until a test advances it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

#: Seconds of real time after which a test that waits for a thread fails.
PATIENCE = 60.0

SECOND = 1_000_000_000


@dataclass(slots=True, eq=False)
class _Wait:
    condition: threading.Condition
    until: int | None


class ManualClock:
    """A :class:`~falcohost.clock.Clock` whose time passes only by :meth:`advance`, and by :meth:`sleep`.

    :param time_ns: the time at which it begins, in nanoseconds since the epoch.
    """

    def __init__(self, time_ns: int = 1_700_000_000_000_000_000) -> None:
        self._seconds = 0.0  # the same sum as of monotonic() and the seconds
        self._passed = 0  # the same in nanoseconds, which is exact
        self._began = time_ns
        self._waits: list[_Wait] = []
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        """Return the seconds by which it was advanced."""
        return self._seconds

    def time_ns(self) -> int:
        """Return the current time, in nanoseconds since the epoch."""
        return self._began + self._passed

    def sleep(self, seconds: float) -> None:
        """Advance by *seconds* at once, since a sleep in the test's own thread would never end."""
        self.advance(seconds)

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait on *condition*, which the caller holds, until *predicate* holds or *timeout* seconds were advanced."""
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
        """Advance by *seconds*, and wake the threads that waited for them."""
        with self._changed:
            self._seconds += seconds
            self._passed += round(seconds * SECOND)
            due = [wait.condition for wait in self._waits if wait.until is not None and wait.until <= self._passed]
        for condition in due:
            with condition:
                condition.notify_all()

    def until_waiting(self) -> float:
        """Wait until a thread waits on this clock; return the seconds until its time is over, the nearest of several.

        :raises AssertionError: no thread did within a minute of real time.
        """
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self._times()), PATIENCE), "no thread waits on the clock"
            return (min(self._times()) - self._passed) / SECOND

    def _times(self) -> list[int]:
        return [wait.until for wait in self._waits if wait.until is not None and wait.until > self._passed]

"""The clock: time, and waiting for it, as an object, so that a test can let hours pass in no time.

What waits takes a :class:`Clock`, which is :data:`SYSTEM` unless it is told another. Tests use
:class:`falcohost.testing.clock.ManualClock`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["SYSTEM", "Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time, and waits."""

    def monotonic(self) -> float:
        """Return seconds that only rise."""

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None:
        """Return after so many *seconds*."""

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait on *condition*, which is held, until *predicate* holds; return whether it does.

        :param timeout: seconds by this clock after which it is given up.
        """


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Return seconds that only rise."""
        return time.monotonic()

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch, UTC."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Return after so many *seconds*."""
        time.sleep(seconds)

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait on *condition*, which is held, until *predicate* holds; return whether it does."""
        return condition.wait_for(predicate, timeout)


SYSTEM: Clock = SystemClock()

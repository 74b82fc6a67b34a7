"""Clocks: reading the time and sleeping, behind an object, so that a test can skip hours.

Code that waits takes a :class:`Clock`; the default is :data:`SYSTEM`. Tests pass
:class:`falcohost.testing.clock.ManualClock`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["SYSTEM", "Clock", "SystemClock"]


class Clock(Protocol):
    """Reads the time and sleeps."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes backwards."""

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None:
        """Sleep for this many seconds."""

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait on *condition* until *predicate* is true; return the predicate's last value.

        The caller holds the condition's lock.

        :param timeout: give up after this many seconds of this clock; None: never.
        """


class SystemClock:
    """The clock of this machine."""

    monotonic = staticmethod(time.monotonic)  # called for every alert, so without a function between
    time_ns = staticmethod(time.time_ns)

    def sleep(self, seconds: float) -> None:
        """Sleep for this many seconds."""
        time.sleep(seconds)

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait on *condition*, whose lock the caller holds, until *predicate* is true or *timeout* has passed."""
        return condition.wait_for(predicate, timeout)


SYSTEM: Clock = SystemClock()

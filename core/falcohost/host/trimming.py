"""When a process returns freed memory to the system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from falcohost.clock import SYSTEM, Clock
from falcohost.host.memory import trim

#: Seconds between using memory and returning what is free by then.
PAUSE: Final = 20.0


class Trimming:
    """Returns freed memory to the system a while after it was used: malloc(3) keeps what a busy moment has needed.

    Without this, each busier moment than those before leaves a process larger, and with several threads each thread's
    share of malloc's memory.
    """

    def __init__(self, clock: Clock = SYSTEM, free: Callable[[], object] = lambda: None) -> None:
        """Call *free* before; it frees what is kept for later."""
        self._clock = clock
        self._free = free
        self._due: float | None = None

    @property
    def left(self) -> float | None:
        """Return the seconds until :meth:`now_and_then` is to be called; None: there is nothing to return."""
        return None if self._due is None else max(0.0, self._due - self._clock.monotonic())

    def used(self) -> None:
        """Take note that memory is used."""
        if self._due is None:
            self._due = self._clock.monotonic() + PAUSE

    def now_and_then(self) -> None:
        """Return what was freed, if it is time."""
        if self._due is not None and self._clock.monotonic() >= self._due:
            self._due = None
            self._free()
            trim()

"""When a process returns freed memory to the system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from falcohost.clock import SYSTEM, Clock
from falcohost.host.memory import trim

#: Seconds after the start of a process's work at which it returns what only that has needed.
EARLY: Final = (0.5, 5.0)

#: Seconds between using memory and returning what is free by then.
PAUSE: Final = 20.0


class Trimming:
    """Returns freed memory to the system a while after it was used: malloc(3) keeps what a busy moment has needed.

    Without this, each busier moment than those before leaves a process larger, and with several threads each thread's
    share of malloc's memory. What the start of a process has needed is returned soon.
    """

    def __init__(self, clock: Clock = SYSTEM, free: Callable[[], object] = lambda: None) -> None:
        """Call *free* before; it frees what is kept for later."""
        self._clock = clock
        self._free = free
        self._due: float | None = None
        self._early = [clock.monotonic() + seconds for seconds in EARLY]

    @property
    def left(self) -> float | None:
        """Return the seconds until :meth:`now_and_then` is to be called; None: there is nothing to return."""
        due = [*self._early[:1], *([] if self._due is None else [self._due])]
        return max(0.0, min(due) - self._clock.monotonic()) if due else None

    def used(self) -> None:
        """Take note that memory is used."""
        if self._due is None:
            self._due = self._clock.monotonic() + PAUSE

    def now_and_then(self) -> None:
        """Return what was freed, if it is time."""
        now = self._clock.monotonic()
        if self._due is not None and now >= self._due:
            self._due = None
            self._free()
            trim()
        elif self._early and now >= self._early[0]:
            del self._early[0]
            trim()

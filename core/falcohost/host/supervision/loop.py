"""The supervisor's event loop: runs callbacks when descriptors are ready or timers are due, one at a time."""

from __future__ import annotations

import enum
import errno
import selectors
from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from falcohost.clock import SYSTEM, Clock

#: Longest wait of one turn, in seconds.
TURN = 1.0

#: What is looked at once a second is looked at in the first turn after this part of it. So turns that come a little
#: early, such as with a worker's report, are no turns besides.
ALMOST = 0.9


#: What the kernel says if it has no room for one more descriptor to watch.
_NO_ROOM: Final = (errno.ENOSPC, errno.ENOMEM)


class Outcome(enum.Enum):
    """How a run ended."""

    STOPPED = "stopped"
    RESTART = "restart"
    FAILED = "failed"


class HasFileno(Protocol):
    """Something with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Timer(Struct, frozen=True, eq=False):
    """A callback that is due at the clock time *when*."""

    when: float
    call: Callable[[], object]


class Loop:
    """Runs callbacks for descriptors and timers.

    :ivar clock: the clock of all times.
    :ivar outcome: how the run has ended; None while it continues.
    :ivar error: why the run failed.
    """

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self.clock = clock
        self.outcome: Outcome | None = None
        self.error = ""
        self._selector = selectors.DefaultSelector()
        self._late: dict[int, tuple[int, Callable[[], object]]] = {}
        self._writing: set[int] = set()
        self._timers: list[Timer] = []

    def watch(self, ready: int | HasFileno, call: Callable[[], object]) -> None:
        """Run *call* whenever *ready* is readable.

        If the kernel has no room to watch it (epoll_ctl(2)), that is tried again in each turn.
        """
        try:
            self._selector.register(ready, selectors.EVENT_READ, call)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._late[_number(ready)] = selectors.EVENT_READ, call

    def watch_writing(self, ready: int | HasFileno, on: bool) -> None:
        """Start or stop running the callback of *ready* also when it is writable."""
        if on is ((number := _number(ready)) in self._writing):
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if on else 0)
        (self._writing.add if on else self._writing.discard)(number)
        if number in self._late:
            self._late[number] = events, self._late[number][1]
        else:
            self._selector.modify(ready, events, self._selector.get_key(ready).data)

    def forget(self, ready: int | HasFileno) -> None:
        """Stop watching *ready*. Call this before its descriptor is closed."""
        number = _number(ready)
        self._writing.discard(number)
        if self._late.pop(number, None) is None:
            self._selector.unregister(ready)

    def after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Run *call* once, after so many *seconds*."""
        timer = Timer(self.clock.monotonic() + seconds, call)
        self._timers.append(timer)
        return timer

    def cancel(self, timer: Timer) -> None:
        """Cancel *timer* if it has not run yet."""
        if timer in self._timers:
            self._timers.remove(timer)

    def turn(self, longest: float = TURN) -> None:
        """Wait until something is ready or due, at most *longest* seconds, and run all callbacks that are."""
        if self._timers:
            nearest = min(timer.when for timer in self._timers) - self.clock.monotonic()
            longest = max(0.0, min(longest, nearest))
        if self._late:
            self._watch_late()
        for key, _ in self._selector.select(longest):
            key.data()
        if self._timers:
            self._call_due(self.clock.monotonic())

    def end(self, outcome: Outcome, error: str = "") -> None:
        """End the run; only the first call counts, but a stop takes the place of a restart."""
        if self.outcome is None or (self.outcome, outcome) == (Outcome.RESTART, Outcome.STOPPED):
            self.outcome, self.error = outcome, error

    def _watch_late(self) -> None:
        for number, (events, call) in [*self._late.items()]:
            try:
                self._selector.register(number, events, call)
            except OSError:
                return
            del self._late[number]

    def _call_due(self, now: float) -> None:
        for timer in [timer for timer in self._timers if timer.when <= now]:
            if timer in self._timers:  # none before it has cancelled it
                self._timers.remove(timer)
                timer.call()


def _number(ready: int | HasFileno) -> int:
    return ready if isinstance(ready, int) else ready.fileno()

"""Handles the supervisor's signals in its loop, so that they never interrupt other code."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Final

from falcohost.host.forked import HANDLED, WAITING
from falcohost.host.supervision.loop import Loop

#: Seconds within which a signal that ends the run counts once: timeout(1) sends each twice, also to its own group.
SAME: Final = 0.1

_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Calls *handle* from the loop for each signal; restores the former handlers at the end of its ``with`` block."""

    def __init__(self, loop: Loop, handle: Callable[[int], None]) -> None:
        self._loop = loop
        self._handle = handle
        self._last = (0, 0.0)  # a signal that ends the run, and when it came
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> None:
        # A signal between these two steps would be lost in the other order: caught, and told to nobody.
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, lambda *_: None) for number in (*HANDLED, signal.SIGCHLD)}
        self._loop.watch(self._read, self._arrived)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITING)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        with contextlib.suppress(BlockingIOError):
            self._arrived()  # what came too late for the loop
        self._loop.forget(self._read)
        os.close(self._read)
        os.close(self._write)

    def _arrived(self) -> None:
        for number in os.read(self._read, 64):
            if not self._repeats(number):
                self._handle(number)

    def _repeats(self, number: int) -> bool:
        """Return whether the signal is the one before, sent twice."""
        if number not in _ENDING:
            return False
        (before, at), now = self._last, self._loop.clock.monotonic()
        self._last = number, now
        return before == number and now - at < SAME

"""Handles the supervisor's signals in its loop, so that they never interrupt other code."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from falcohost.host.supervision.loop import Loop
from falcohost.host.worker import HANDLED


class Signals:
    """Calls *handle* from the loop for each signal; restores the former handlers at the end of its ``with`` block."""

    def __init__(self, loop: Loop, handle: Callable[[int], None]) -> None:
        self._loop = loop
        self._handle = handle
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, lambda *_: None) for number in HANDLED}
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._loop.watch(self._read, self._arrived)

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._loop.forget(self._read)
        os.close(self._read)
        os.close(self._write)

    def _arrived(self) -> None:
        for number in os.read(self._read, 64):
            self._handle(number)

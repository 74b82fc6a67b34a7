"""Threads that are started when there is something to do, and end when there has been nothing for a while."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

#: Seconds for which a thread without work stays.
IDLE: Final = 5.0


class Pool:
    """At most *most* threads, which call functions in the order in which they come; these do not raise.

    ThreadPoolExecutor's threads stay for good, and it imports logging.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._calls: deque[Callable[[], object]] = deque()
        self._changed = threading.Condition()
        self._threads = self._waiting = 0

    def call(self, function: Callable[[], object]) -> None:
        """Have a thread call *function*."""
        with self._changed:
            self._calls.append(function)
            is_short = len(self._calls) > self._waiting and self._threads < self._most
            self._threads += is_short
            self._changed.notify()
        if is_short:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        while (function := self._next()) is not None:
            function()

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            self._waiting += 1
            found = self._changed.wait_for(lambda: self._calls, IDLE)
            self._waiting -= 1
            if found:
                return self._calls.popleft()
            self._threads -= 1
            return None


class Later:
    """Calls functions after some time, in one thread; they do not raise."""

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._runs = False

    def call(self, seconds: float, function: Callable[[], object]) -> None:
        """Call *function* after *seconds*."""
        with self._changed:
            heapq.heappush(self._calls, (time.monotonic() + seconds, next(self._numbers), function))
            starts, self._runs = not self._runs, True
            self._changed.notify()
        if starts:
            threading.Thread(target=self._run, name="later", daemon=True).start()

    def _run(self) -> None:
        while (function := self._next()) is not None:
            function()

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            while self._changed.wait_for(lambda: self._calls, IDLE):
                left = self._calls[0][0] - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._calls)[2]
                self._changed.wait(left)
            self._runs = False
            return None

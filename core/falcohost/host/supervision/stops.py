"""Has processes that a signal has stopped replaced at once: the kernel tells this process, their parent (SIGCHLD)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from falcohost.host.supervision.loop import Loop

#: Seconds for which a process has to be stopped: a terminal stops and continues this one and its children together.
SETTLES: Final = 0.05


class Stops:
    """Calls *looks*, which replace stopped processes, a moment after a child has changed."""

    def __init__(self, loop: Loop, looks: Iterable[Callable[[], object]]) -> None:
        self._loop = loop
        self._looks = tuple(looks)
        self._waits = False

    def child_changed(self) -> None:
        """Take note that a child has ended, was stopped, or goes on."""
        if not self._waits:
            self._waits = True
            self._loop.after(SETTLES, self._look)

    def _look(self) -> None:
        self._waits = False
        for look in self._looks:
            look()

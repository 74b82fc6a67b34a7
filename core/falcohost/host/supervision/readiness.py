"""Determines when all sources are ready, and limits how long the agent runs from then on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loop import Loop, Outcome


class Readiness:
    """Waits until every source of *children* is open or has failed to open.

    :param seconds: how long to run from then on; 0: without limit.
    :param on_ready: called once, with the names of the sources that are open, or were until they ended.
    :ivar reached: all sources are open or have failed to open.
    """

    def __init__(
        self, children: Sequence[Child], loop: Loop, seconds: float, on_ready: Callable[[list[str]], None]
    ) -> None:
        self.reached = False
        self._children = children
        self._loop = loop
        self._seconds = seconds
        self._on_ready = on_ready

    def check(self) -> None:
        """Check whether that is so; the first time it is, start the time limit and call *on_ready*."""
        if self.reached or self._loop.outcome is not None:
            return
        if any(child.alive and not child.ready for child in self._children):
            return
        self.reached = True
        if self._seconds:
            self._loop.after(self._seconds, lambda: self._loop.end(Outcome.STOPPED))
        self._on_ready([child.name for child in self._children if child.ready or child.ended])

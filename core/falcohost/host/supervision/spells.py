"""Spells: states that last, each told once when it has lasted for some time, and once more when it has ended."""

from __future__ import annotations

from falcohost.clock import Clock


class Spells:
    """The spells of things by their names.

    :param lasting: seconds after which a spell is told.
    """

    def __init__(self, lasting: float, clock: Clock) -> None:
        self._lasting = lasting
        self._clock = clock
        self._since: dict[str, float] = {}
        self._told: set[str] = set()

    def lasts(self, name: str) -> float | None:
        """Take note that the state of *name* lasts; if that is to be told now, return for how many seconds so far."""
        now = self._clock.monotonic()
        seconds = now - self._since.setdefault(name, now)
        if name in self._told or seconds < self._lasting:
            return None
        self._told.add(name)
        return seconds

    def ends(self, name: str) -> float | None:
        """Take note that there is no such state; if its beginning was told, return how many seconds it has lasted."""
        now = self._clock.monotonic()
        seconds = now - self._since.pop(name, now)
        if name not in self._told:
            return None
        self._told.remove(name)
        return seconds

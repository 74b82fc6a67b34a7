"""Notices, in the store process, that the supervisor hangs or is gone, which nobody else would tell."""

from __future__ import annotations

from typing import Final, NamedTuple

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock

HANGS: Final = "Falcohost internal: supervisor hangs"
WORKS: Final = "Falcohost internal: supervisor works again"
GONE: Final = "Falcohost internal: supervisor ended"

#: Seconds without a word of the supervisor, which says something every few seconds.
SILENT: Final = 10.0
#: Most seconds between two looks; after more, this process itself was not running.
LOOKS: Final = 3.0
ASLEEP: Final = LOOKS + 2.0


class Notice(NamedTuple):
    """What there is to tell."""

    rule: str
    priority: Priority
    text: str


class Overseer:
    """Watches the supervisor, from its first word on."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._heard: float | None = None
        self._looked = clock.monotonic()
        self._hangs_since: float | None = None

    def hears(self) -> None:
        """Take note that the supervisor has said something."""
        self._heard = self._clock.monotonic()

    def look(self) -> Notice | None:
        """Return what there is to tell. To be called at least every :data:`LOOKS` seconds."""
        now, before = self._clock.monotonic(), self._looked
        self._looked = now
        if self._heard is None:
            return None
        if now - before > ASLEEP:
            self._heard = max(self._heard, now)
        silent = now - self._heard
        if self._hangs_since is None and silent > SILENT:
            self._hangs_since = self._heard
            text = f"the supervisor has said nothing for {silent:.0f} s: it hangs, or was stopped"
            return Notice(HANGS, Priority.CRITICAL, f"{text}; until it works again, nothing is replaced that ends")
        if self._hangs_since is not None and silent < LOOKS:
            seconds, self._hangs_since = now - self._hangs_since, None
            return Notice(WORKS, Priority.NOTICE, f"the supervisor works again, after {seconds:.0f} s")
        return None

    def is_gone(self) -> Notice:
        """Return what to tell of a supervisor that has ended and had not said that it would."""
        text = (
            "the supervisor has ended unasked, and so have all others: nothing is detected until falcohost runs again"
        )
        return Notice(GONE, Priority.CRITICAL, text)

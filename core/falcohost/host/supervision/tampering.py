"""Raises an alert when somebody has changed what the agent has in the kernel."""

from __future__ import annotations

from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log

TAMPERED: Final = "Falcohost internal: agent tampered with"

#: Seconds between two alerts about the same finding; in between they are counted.
QUIET: Final = 60.0

#: Most findings that are remembered.
MOST: Final = 1024


class Tampering:
    """Tells of what loaders find."""

    def __init__(self, raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._raise = raise_alert
        self._clock = clock
        self._told: dict[str, float] = {}
        self._since: dict[str, int] = {}

    def tell(self, child: Child, found: str) -> None:
        """Tell what the loader of *child* has found."""
        key, now = f"{child.name}: {found}", self._clock.monotonic()
        if now - self._told.get(key, -QUIET) < QUIET:
            self._since[key] = self._since.get(key, 0) + 1
            return
        if len(self._told) >= MOST:
            self._told.clear()
        self._told[key] = now
        others = self._since.pop(key, 0)
        more = f" (found {others} times more since the last such alert)" if others else ""
        text = f"somebody has changed what event source '{child.name}' has in the kernel: {found}{more}"
        log.error("%s", text)
        fields = {"source": child.name, "found": found, "others": others}
        self._raise(TAMPERED, Priority.CRITICAL, text, fields)

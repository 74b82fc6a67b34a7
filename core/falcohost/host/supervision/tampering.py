"""Raises an alert when somebody has changed what the agent has in the kernel."""

from __future__ import annotations

from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.quiet import Quiet
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log

TAMPERED: Final = "Falcohost internal: agent tampered with"

#: Seconds between two alerts about the same finding; in between they are counted.
QUIET: Final = 60.0


class Tampering:
    """Tells of what loaders find."""

    def __init__(self, raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._raise = raise_alert
        self._quiet = Quiet(QUIET, clock)

    def tell(self, child: Child, found: str) -> None:
        """Tell what the loader of *child* has found."""
        if (others := self._quiet.passes(f"{child.name}: {found}")) is None:
            return
        more = f" (found {others} times more since the last such alert)" if others else ""
        text = f"somebody has changed what event source '{child.name}' has in the kernel: {found}{more}"
        log.error("%s", text)
        fields = {"source": child.name, "found": found, "others": others}
        self._raise(TAMPERED, Priority.CRITICAL, text, fields)

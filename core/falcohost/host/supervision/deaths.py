"""Raises an alert when a process of the agent ends without having been told to, and when that costs events."""

from __future__ import annotations

from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.quiet import Quiet
from falcohost.host.supervision.watchdog import RaiseAlert

ENDED: Final = "Falcohost internal: worker ended"
UNREAD: Final = "Falcohost internal: events left unread"

#: Seconds between two alerts about the same source; in between they are counted.
QUIET: Final = 10.0


class Deaths:
    """Tells of workers, and of loaders, that have ended."""

    def __init__(self, raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._raise = raise_alert
        self._quiet = Quiet(QUIET, clock)

    def tell(self, child: Child, what: str, cause: str) -> None:
        """Tell that *what* (``worker``, ``loader``) of *child* has ended, and of what *cause*."""
        name = child.name
        if (others := self._quiet.passes(name)) is None:
            return
        more = f"; so have {others} others since the last such alert" if others else ""
        text = f"the {what} of event source '{name}' has ended: {cause.rstrip('.')}; it is replaced{more}"
        fields = {"source": name, "pid": child.pid, "cause": cause, "others": others}
        self._raise(ENDED, Priority.CRITICAL, text, fields)

    def tell_unread(self, child: Child) -> None:
        """Tell that something is given up that the probe of a former loader of *child* has collected."""
        text = f"event source '{child.name}': what was collected before could not all be stored, and is given up"
        self._raise(UNREAD, Priority.CRITICAL, text, {"source": child.name})

"""Raises an alert when a process of the agent was killed for a system call that its job does not need."""

from __future__ import annotations

from typing import Final

from falcohost.alert import Priority
from falcohost.host.drops import Raise
from falcohost.host.supervision.child import Child

FORBIDDEN: Final = "Falcohost internal: forbidden system call"


class Forbidden:
    """Tells of workers that tried what they may not do; *raise_alert* raises an alert about falcohost itself."""

    def __init__(self, raise_alert: Raise) -> None:
        self._raise = raise_alert

    def tell(self, child: Child) -> None:
        """Tell of the worker of *child*, which has ended, if that was why."""
        if child.forbidden:
            text = (
                f"the worker of event source '{child.name}' made a system call that its job does not need, and was "
                "killed; the kernel's log has the call's number (audit type 1326)"
            )
            self._raise(FORBIDDEN, Priority.CRITICAL, text, {"source": child.name, "pid": child.pid})

"""Raises an alert when a worker was killed for what it has said, and logs how many of its messages were dropped."""

from __future__ import annotations

from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.drops import Raise
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.quiet import Quiet
from falcohost.log import log

REFUSED: Final = "Falcohost internal: worker sent an invalid message"

#: Seconds between two alerts about the same source; a hostile worker must not flood by being started again and again.
QUIET: Final = 600.0

#: Seconds between two messages about what was dropped.
PAUSE: Final = 10.0


class Refusals:
    """Tells of workers whose messages are refused; *raise_alert* raises an alert about falcohost itself."""

    def __init__(self, raise_alert: Raise, clock: Clock = SYSTEM) -> None:
        self._raise = raise_alert
        self._clock = clock
        self._quiet = Quiet(QUIET, clock)
        self._dropped: dict[str, int] = {}
        self._look_at: dict[str, float] = {}

    def tell(self, child: Child) -> None:
        """Tell of the worker of *child*, which has ended, if that was why; of one in :data:`QUIET` seconds."""
        name = child.name
        if not child.refused or (earlier := self._quiet.passes(name)) is None:
            return
        text = f"the worker of event source '{name}' sent an invalid message and was killed: {child.refused}"
        fields = {"source": name, "reason": child.refused, "pid": child.pid, "earlier": earlier}
        self._raise(REFUSED, Priority.CRITICAL, text, fields)

    def look(self, child: Child) -> None:
        """Log now and then how many messages of the source were dropped because there were too many."""
        name, now = child.name, self._clock.monotonic()
        dropped = child.speech.lines.dropped + child.speech.undecided.dropped
        before = self._dropped.get(name, 0)
        if dropped > before and now >= self._look_at.get(name, now):
            self._dropped[name], self._look_at[name] = dropped, now + PAUSE
            log.warning("event source '%s' says too much: %d of its messages were dropped", name, dropped - before)

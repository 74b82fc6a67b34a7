"""Raises alerts about the agent's own life: its start and stop, its heartbeat, and a clock that somebody has set."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.loop import ALMOST
from falcohost.host.supervision.watchdog import RaiseAlert

STARTED: Final = "Falcohost internal: agent started"
STOPPED: Final = "Falcohost internal: agent stopped"
HEARTBEAT: Final = "Falcohost internal: heartbeat"
JUMPED: Final = "Falcohost internal: clock jumped"

#: Seconds by which the time of day has to be set, and between two looks at it.
JUMP: Final = 2.0
LOOKS: Final = ALMOST


def offset() -> float:
    """Return the time of day less the time since the machine was started, of which suspension is a part."""
    return time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)


class Life:
    """Tells of it.

    :param version: the agent's version.
    :param period: seconds between two heartbeats; 0: there are none.
    :param offset: see :func:`offset`.
    """

    def __init__(
        self,
        raise_alert: RaiseAlert,
        version: str,
        period: float,
        clock: Clock = SYSTEM,
        offset: Callable[[], float] = offset,
    ) -> None:
        self._raise_alert = raise_alert
        self._version = version
        self._period = period
        self._clock = clock
        self._offset = offset
        self._before = offset()
        self._born = self._beaten = self._looked = clock.monotonic()
        self._beats = 0

    def started(self, sources: Sequence[str], rules: int) -> None:
        """Tell that the agent is ready, with these *sources* open."""
        names = ", ".join(sources) or "no source"
        text = f"falcohost {self._version} has started: {names} open, {rules} rules"
        self._raise_alert(STARTED, Priority.NOTICE, text, {"sources": [*sources], "rules": rules})

    def stopped(self, signal: str) -> None:
        """Tell that *signal* stops the agent."""
        seconds = int(self._clock.monotonic() - self._born)
        text = f"falcohost {self._version} is stopped by {signal}, after {seconds} s: nothing is detected any more"
        self._raise_alert(STOPPED, Priority.NOTICE, text, {"signal": signal, "seconds": seconds})

    def look(self) -> None:
        """Tell what is due."""
        now = self._clock.monotonic()
        if self._period and now - self._beaten >= self._period:
            self._beaten = now
            self._beat(now)
        if now - self._looked >= LOOKS:
            self._looked = now
            self._look_at_clock()

    def _beat(self, now: float) -> None:
        self._beats += 1
        seconds = int(now - self._born)
        text = f"falcohost {self._version} is running, for {seconds} s"
        self._raise_alert(HEARTBEAT, Priority.INFORMATIONAL, text, {"number": self._beats, "seconds": seconds})

    def _look_at_clock(self) -> None:
        now, before = self._offset(), self._before
        self._before = now
        moved = now - before
        if abs(moved) >= JUMP:
            how = "forward" if moved > 0 else "back"
            text = f"the time of day was set {how} by {abs(moved):.1f} s; the times of alerts jump with it"
            self._raise_alert(JUMPED, Priority.WARNING, text, {"seconds": round(moved, 3)})

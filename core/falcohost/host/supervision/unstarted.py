"""Tells once that a process cannot be started, since the system or a limit allows no more, and when it can be again."""

from __future__ import annotations

from typing import Final

from falcohost.alert import Priority
from falcohost.host.shortage import no_process
from falcohost.host.supervision.backoff import FIRST_DELAY
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import NOTICE, log

NO_PROCESS: Final = "Falcohost internal: no process"

#: Longest time until it is tried again, in seconds: trying costs little, and whoever has used up everything, such as
#: with a fork bomb, is not to keep the agent from working for longer than that lasts.
LONGEST: Final = 5.0


class Unstarted:
    """The processes that cannot be started now."""

    def __init__(self, raise_alert: RaiseAlert = lambda rule, priority, text, fields: None) -> None:
        self._raise = raise_alert
        self._delays: dict[str, float] = {}

    def tell(self, process: str, error: OSError) -> float:
        """Tell why *process* cannot be started; return after how many seconds to try again.

        That is no failure of the process, so that the delay between failures stays as it is.
        """
        before = self._delays.get(process)
        delay = FIRST_DELAY if before is None else min(2 * before, LONGEST)
        self._delays[process] = delay
        cause = no_process(error)
        text = f"{process}: cannot start a process: {cause}"
        if before is not None:
            log.debug("%s; trying again in %.1f s", text, delay)
            return delay
        log.error("%s; trying again in %.1f s, and again and again", text, delay)
        self._raise(NO_PROCESS, Priority.CRITICAL, text, {"process": process, "cause": cause})
        return delay

    def started(self, process: str) -> None:
        """Take note that *process* was started; tell it if it could not be before."""
        if self._delays.pop(process, None) is not None:
            log.log(NOTICE, "%s: its process could be started", process)

"""Restarts the agent in place with its original command, and keeps track of when it was started."""

from __future__ import annotations

import functools
import os
import signal
import time
from pathlib import Path
from typing import NoReturn

from falcohost.host import environment
from falcohost.host.forked import WAITING
from falcohost.host.supervision.keeping import VARIABLE

#: Environment variable with the agent's start time (boot-time clock), set if the process itself is older: after a
#: restart in place, or if script/run prepared something first.
STARTED = "FALCOHOST_STARTED"


#: Environment variable with the descriptor of what a store had only in memory.
CARRIED = "FALCOHOST_CARRIED"


def taken_along() -> int | None:
    """Return the memfd with what the store of the run before had only in memory; None: there is none."""
    number = os.environ.pop(CARRIED, "")
    try:
        os.set_inheritable(int(number), False)
        return int(number)
    except (ValueError, OSError, OverflowError):
        return None


def age() -> float:
    """Return the seconds since this agent was started."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    if STARTED in os.environ:
        return now - float(os.environ[STARTED])
    # proc(5): field 22 of /proc/self/stat
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return now - started / os.sysconf("SC_CLK_TCK")


@functools.cache
def begun() -> int:
    """Return when this agent was started, in nanoseconds since 1970 as the clock was when this was first asked.

    It is asked once, so that a clock that is set or corrected moves no start.
    """
    return time.time_ns() - int(age() * 1e9)


def restart(kept: str, carried: int | None = None) -> NoReturn:
    """Replace this process by a new run of the command that started it.

    :param kept: what that finds in :data:`VARIABLE`.
    :param carried: the memfd with what the store has only in memory, for :func:`taken_along`.
    """
    os.environ[STARTED] = str(time.clock_gettime(time.CLOCK_BOOTTIME))
    os.environ[VARIABLE] = kept
    if carried is not None and os.fstat(carried).st_size:
        os.set_inheritable(carried, True)
        os.environ[CARRIED] = str(carried)
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITING)  # until Signals has its handlers, these would end the process
    environment.execute(environment.command(), os.environ)

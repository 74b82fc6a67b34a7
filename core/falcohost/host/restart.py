"""Restarts the agent in place with its original command, and keeps track of when it was started."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NoReturn

from falcohost.host import environment

#: Environment variable with the agent's start time (boot-time clock), set if the process itself is older: after a
#: restart in place, or if script/run prepared something first.
STARTED = "FALCOHOST_STARTED"


def age() -> float:
    """Return the seconds since this agent was started."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    if STARTED in os.environ:
        return now - float(os.environ[STARTED])
    # proc(5): field 22 of /proc/self/stat
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return now - started / os.sysconf("SC_CLK_TCK")


def restart() -> NoReturn:
    """Replace this process by a new run of the command that started it."""
    os.environ[STARTED] = str(time.clock_gettime(time.CLOCK_BOOTTIME))
    environment.execute(environment.command(), os.environ)

"""The agent restarts in place, by the command that started it, and knows since when it runs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NoReturn

#: The environment variable in which an agent finds when it was started, on the boot-time clock, where the process is
#: older: it was restarted in place, or script/run set up something first.
STARTED = "FALCOHOST_STARTED"


def age() -> float:
    """Return for how many seconds this agent has existed."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    if STARTED in os.environ:
        return now - float(os.environ[STARTED])
    # proc(5): field 22 of /proc/self/stat
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return now - started / os.sysconf("SC_CLK_TCK")


def command() -> list[str]:
    """Return the command that started this process."""
    return [sys.executable, *sys.orig_argv[1:]]


def restart() -> NoReturn:
    """Become the command that started this process, anew."""
    os.environ[STARTED] = str(time.clock_gettime(time.CLOCK_BOOTTIME))
    os.execv(sys.executable, command())

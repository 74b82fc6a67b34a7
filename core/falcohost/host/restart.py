"""SIGHUP: the whole configuration is tried by a dry run of the same command; only then the agent restarts in place.

Also knows since when the agent runs.
"""

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


class DryRun:
    """The same command with ``--dry-run``, in a process of its own.

    :ivar finished: becomes readable when it has ended.
    """

    def __init__(self) -> None:
        import subprocess  # costs start-up time, and most runs never need it
        import tempfile

        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        null = subprocess.DEVNULL
        self._process = subprocess.Popen([*command(), "--dry-run"], stdin=null, stdout=null, stderr=self._stderr)
        self.finished = os.pidfd_open(self._process.pid)

    def cancel(self) -> None:
        """End it before it has come to a result."""
        self._process.kill()
        self.error()

    def error(self) -> str | None:
        """Return what was wrong, or None if nothing was."""
        os.close(self.finished)
        status = self._process.wait()
        with self._stderr as stderr:
            stderr.seek(0)
            text = stderr.read().decode(errors="replace")
        if status == 0:
            return None
        return text.partition("Error: ")[2].strip() or text.strip()


def restart() -> NoReturn:
    """Become the command that started this process, anew."""
    os.environ[STARTED] = str(time.clock_gettime(time.CLOCK_BOOTTIME))
    os.execv(sys.executable, command())

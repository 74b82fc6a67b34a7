"""SIGHUP: the whole configuration is tried by a dry run of the same command; only then the agent restarts in place."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import NoReturn


def command() -> list[str]:
    """Return the command that started this process."""
    return [sys.executable, *sys.orig_argv[1:]]


class DryRun:
    """The same command with ``--dry-run``, in a process of its own.

    :ivar finished: becomes readable when it has ended.
    """

    def __init__(self) -> None:
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
    os.execv(sys.executable, command())

"""A reload is tried in a process of its own, so that what is wrong, or slow, or large, does not touch the agent.

It is a fork, which reads configuration and rules as the agent would. Where more than rules is new it becomes the
agent's command with ``--dry-run``, since a restart will start from nothing too.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import NoReturn

from falcohost.host.restart import command
from falcohost.host.worker import HANDLED


class Trial:
    """Tries *reload*, which returns None where only a restart can bring about what is new.

    :ivar finished: becomes readable when it has ended.
    """

    def __init__(self, reload: Callable[[], object | None]) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _try(reload, self._stderr.fileno())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.finished = os.pidfd_open(self._pid)

    def cancel(self) -> None:
        """End it before it has come to a result."""
        os.kill(self._pid, signal.SIGKILL)
        self.error()

    def error(self) -> str | None:
        """Return what was wrong, or None if nothing was."""
        os.close(self.finished)
        _, status = os.waitpid(self._pid, 0)
        with self._stderr as stderr:
            stderr.seek(0)
            text = stderr.read().decode(errors="replace")
        if status == 0:
            return None
        return text.partition("Error: ")[2].strip() or text.strip()


def _try(reload: Callable[[], object | None], stderr: int) -> NoReturn:
    status = 1
    try:
        _take_over(stderr)
        if reload() is None:
            os.execv(sys.executable, [*command(), "--dry-run"])
        status = 0
    except Exception as error:
        os.write(2, f"Error: {error}".encode())
    finally:
        os._exit(status)


def _take_over(stderr: int) -> None:
    """Make this fork a process of its own, which says nothing but what is wrong."""
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    logging.disable()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, standard in ((null, 0), (null, 1), (stderr, 2)):
        os.dup2(descriptor, standard)

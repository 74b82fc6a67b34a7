"""Tries a reload in a separate process, so that errors, slowness or high memory use do not affect the agent.

The process is a fork that loads configuration and rules as the agent would. If more than rules has changed, it executes
the agent's command with ``--dry-run``, since a restart would also start from scratch.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import IO, NoReturn

from falcohost.host.config.rules import MissingFiles
from falcohost.host.forked import HANDLED
from falcohost.host.restart import command


class Trial:
    """Runs *reload* in a fork; *reload* returns None if a restart is needed.

    :ivar finished: becomes readable when it has ended.
    :ivar missing: files that it found missing; set when it has ended.
    """

    def __init__(self, reload: Callable[[], object | None]) -> None:
        self.missing: tuple[str, ...] = ()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._missing = tempfile.TemporaryFile()  # noqa: SIM115
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _try(reload, self._stderr.fileno(), self._missing.fileno())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.finished = os.pidfd_open(self._pid)

    def kill(self) -> None:
        """Kill it."""
        os.kill(self._pid, signal.SIGKILL)

    def cancel(self) -> None:
        """Kill it and wait for its end."""
        self.kill()
        self.error()

    def error(self) -> str | None:
        """Return the error of the trial, which has ended, or None."""
        os.close(self.finished)
        _, status = os.waitpid(self._pid, 0)
        text = _written(self._stderr).decode(errors="replace")
        self.missing = tuple(os.fsdecode(path) for path in _written(self._missing).split(b"\0") if path)
        if status == 0:
            return None
        return text.partition("Error: ")[2].strip() or text.strip()


def _written(file: IO[bytes]) -> bytes:
    with file:
        file.seek(0)
        return file.read()


def _try(reload: Callable[[], object | None], stderr: int, missing: int) -> NoReturn:
    status = 1
    try:
        _take_over(stderr)
        if reload() is None:
            os.execv(sys.executable, [*command(), "--dry-run"])
        status = 0
    except MissingFiles as error:
        os.write(missing, b"\0".join(map(os.fsencode, error.paths)))
        os.write(2, f"Error: {error}".encode())
    except Exception as error:
        os.write(2, f"Error: {error}".encode())
    finally:
        os._exit(status)


def _take_over(stderr: int) -> None:
    """Separate this fork from its parent: default signal handlers, no log, only *stderr* stays open."""
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    logging.disable()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, standard in ((null, 0), (null, 1), (stderr, 2)):
        os.dup2(descriptor, standard)

"""Runs work in a forked process that is killed, at a step or from outside; the test examines what it leaves behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

#: A file system in memory: files outlive the process as on a disk, without waiting for one.
_MEMORY = "/dev/shm"


@contextlib.contextmanager
def quick_folder() -> Iterator[Path]:
    """Yield a folder for files that are synced often, in memory if possible."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


def fork(work: Callable[[], None]) -> int:
    """Run *work* in a forked process, which then ends; return the process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def was_killed(child: int) -> bool:
    """Wait for the end of *child*; return whether SIGKILL ended it.

    :raises AssertionError: it failed by itself.
    """
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the forked process ended with {code}"
    return code != 0


class Suicide:
    """A callable that kills its process at call number *step*, for example as a trace of a database's statements.

    :param step: counted from 0; None: never.
    """

    def __init__(self, step: int | None) -> None:
        self._step = step
        self._calls = itertools.count()

    def __call__(self, *_: object) -> None:
        """Count a step."""
        if next(self._calls) == self._step:
            os.kill(os.getpid(), signal.SIGKILL)

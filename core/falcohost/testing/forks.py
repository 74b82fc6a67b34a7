"""Work in a forked process that is killed, at a step or from outside: what it leaves behind is what a test looks at."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

#: A file system in memory: what a process has written there outlives it as on a disk, without waiting for one.
_MEMORY = "/dev/shm"


@contextlib.contextmanager
def quick_folder() -> Iterator[Path]:
    """Give a folder for what is synced often, in memory if that is possible."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


def fork(work: Callable[[], None]) -> int:
    """Do *work* in a forked process, which ends with it; return the process's id."""
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
    """Wait for the end of *child*; return whether it was SIGKILL.

    :raises AssertionError: it failed by itself.
    """
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the forked process ended with {code}"
    return code != 0


class Suicide:
    """A callable, such as a trace of a database's statements, that kills its process when it is called for *step*.

    :param step: counted from 0; None: never.
    """

    def __init__(self, step: int | None) -> None:
        self._step = step
        self._calls = itertools.count()

    def __call__(self, *_: object) -> None:
        """Count a step."""
        if next(self._calls) == self._step:
            os.kill(os.getpid(), signal.SIGKILL)

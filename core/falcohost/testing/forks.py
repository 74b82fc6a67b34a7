"""Work in a forked process that is killed, at a step or from outside: what it leaves behind is what a test looks at."""

from __future__ import annotations

import itertools
import os
import signal
import traceback
from collections.abc import Callable


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

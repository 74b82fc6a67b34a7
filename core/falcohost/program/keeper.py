"""A process between a worker and the program that it runs, so that nothing of that outlives the worker.

The kernel tells the keeper when the worker dies (prctl(2), PR_SET_PDEATHSIG), however that happens. What the program
has started becomes the keeper's when its own parent ends (PR_SET_CHILD_SUBREAPER), also what has left its session.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import NoReturn

from falcohost.libc import die_with_parent

# linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36

#: Added to the number of the signal that ended the program, as a shell does.
SIGNALLED = 128

_HEARD = (signal.SIGTERM, signal.SIGCHLD)

#: A program ignores and handles none of these, whatever the worker does, or who started the agent: a shell that has it
#: in the background has it ignore SIGINT and SIGQUIT.
_USUAL = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def keep(worker: int) -> None:
    """Become the keeper of this process's fork, in which alone this returns, for the program to be executed.

    To be called in a fork of *worker* that has a session of its own. SIGTERM to the keeper ends all; it ends with the
    program's status.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    die_with_parent(worker, signal.SIGTERM)
    keeper = os.getpid()
    program = os.fork()
    if program:
        _wait_for(program)
    die_with_parent(keeper)
    for number in _USUAL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)


def _wait_for(program: int) -> NoReturn:
    os.closerange(0, max(os.sysconf("SC_OPEN_MAX"), 1 << 16))  # the pipes are the program's alone
    status: int | None = None
    while status is None and signal.sigwait(_HEARD) == signal.SIGCHLD:
        status = _reaped(program)
    _end_all()
    os._exit(0 if status is None else status if status >= 0 else SIGNALLED - status)


def _reaped(program: int) -> int | None:
    """Reap what has ended; return the *program*'s status if it is among that."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == program:
            found = os.waitstatus_to_exitcode(status)


def _end_all() -> None:
    """Kill whatever is left below this process, generation by generation."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return

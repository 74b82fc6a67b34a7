"""A process between a worker and its program that makes sure that nothing outlives the worker.

The kernel signals the keeper when the worker dies, for whatever reason (prctl(2), PR_SET_PDEATHSIG). Processes that the
program has started become the keeper's children when their parent ends (PR_SET_CHILD_SUBREAPER), even if they have left
the session.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NoReturn

from falcohost.libc import die_with_parent, prctl

# linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

#: Exit status of a program that a signal ended, minus the signal's number; as in a shell.
SIGNALLED = 128

_HEARD = (signal.SIGTERM, signal.SIGCHLD)

#: Signals that are reset to their defaults for the program, since the worker handles some, and a shell makes background
#: jobs ignore SIGINT and SIGQUIT.
_USUAL = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def keep(worker: int) -> None:
    """Turn this process into the keeper, and return only in a fork of it, which then executes the program.

    Call this in a fork of *worker* with a session of its own. SIGTERM to the keeper ends everything; its exit status is
    the program's.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)  # the worker has set it, too, where it could
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
    os.closerange(0, max(os.sysconf("SC_OPEN_MAX"), 1 << 16))  # only the program needs the pipes
    status: int | None = None
    while status is None and signal.sigwait(_HEARD) == signal.SIGCHLD:
        status = _reaped(program)
    _end_all()
    os._exit(0 if status is None else status if status >= 0 else SIGNALLED - status)


def _reaped(program: int) -> int | None:
    """Reap ended children; return the status of *program* if it has ended."""
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
    """Kill all remaining descendants of this process, generation by generation."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return

"""Functions of libc that Python does not have: prctl(2), and what a process is to do when its parent ends."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have this process killed, or told by another signal, when *parent* ends; it ends if that was before this call."""
    prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def prctl(option: int, argument: int) -> None:
    """Set an option of this process (man 2 prctl).

    :raises OSError: the kernel refuses.
    """
    call("prctl", option, ctypes.c_ulong(argument), 0, 0, 0)


def call(name: str, *arguments: object) -> None:
    """Call the function *name*, which returns 0, or -1 with errno.

    :raises OSError: it has failed.
    """
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

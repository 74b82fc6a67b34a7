"""libc functions that Python lacks: prctl(2), capget(2), and ending a process when its parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from typing import Final

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15

# linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522

#: The C library, once for all callers: each CDLL is a class of its own, which only a garbage collection frees.
LIBC: Final = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, number: signal.Signals | None = signal.SIGKILL) -> None:
    """Have the kernel send this process the signal *number* (None: no signal) when *parent* ends.

    Exit now if it already has.
    """
    prctl(_PR_SET_PDEATHSIG, number or 0)
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """Give this thread the name *name*, of at most 15 bytes, which is that of the process if it has no other thread."""
    call("prctl", _PR_SET_NAME, ctypes.c_char_p(name.encode()), 0, 0, 0)


def prctl(option: int, argument: int) -> None:
    """Set an option of this process (man 2 prctl).

    :raises OSError: the kernel refuses.
    """
    call("prctl", option, ctypes.c_ulong(argument), 0, 0, 0)


def effective_capabilities() -> int:
    """Return the capabilities that this process has now, as bits (man 2 capget).

    :raises OSError: the kernel refuses.
    """
    found = ctypes.create_string_buffer(24)
    call("capget", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), found)
    low, _, _, high, _, _ = struct.unpack("=6I", found.raw)
    return int(low | high << 32)


def call(name: str, *arguments: object) -> None:
    """Call the libc function *name*, which returns 0 on success, or -1 and sets errno.

    :raises OSError: it failed.
    """
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

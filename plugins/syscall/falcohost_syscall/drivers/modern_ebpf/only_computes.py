"""Takes from a fork what one that only computes does not need: capabilities, descriptors, and opening further ones.

What rules are made of goes through it, and it begins with all that its parent may. Its user and its memory stay.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from typing import Final

# linux/prctl.h and linux/capability.h.
_SET_NO_NEW_PRIVS: Final = 38
_VERSION_3: Final = 0x20080522
#: Standard streams, on which a fork that fails says why.
_STREAMS: Final = range(3)


def only_compute(link: int) -> None:
    """Keep the descriptor *link* and the standard streams, and no right to anything else.

    :raises OSError: the kernel refuses that.
    """
    for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 (numbers)
        if descriptor not in _STREAMS and descriptor != link:
            with contextlib.suppress(OSError):  # the one with which the folder was read
                os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

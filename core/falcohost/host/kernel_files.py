"""Reads the kernel's small files, such as those of a process in ``/proc``, that are looked at again and again.

What pathlib and io do for a file takes ten times as long as the kernel.
"""

from __future__ import annotations

import os
from typing import Final

_AT_ONCE: Final = 1 << 14


def read_kernel_file(path: str) -> bytes:
    """Return what the file at *path* has.

    :raises OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = data = os.read(descriptor, _AT_ONCE)
        while data:  # what is longer than a page comes in pieces
            data = os.read(descriptor, _AT_ONCE)
            found += data
    finally:
        os.close(descriptor)
    return found

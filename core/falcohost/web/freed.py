"""Keeps the memory of bodies that are freed for those that come next, and returns it once none come.

malloc(3) would return it to the system with nearly each body, and the kernel would clear it for the next one.
"""

from __future__ import annotations

import contextlib
import time
from typing import Final

from falcohost.libc import LIBC

# malloc.h
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

#: Bytes from which on a body's memory is returned at once, and bytes that each thread keeps at most.
_LARGE: Final = 4 << 20
_KEPT: Final = 8 << 20

#: Seconds after the last request in which memory is kept.
_PAUSE: Final = 20.0


class Freed:
    """The freed memory of this process."""

    def __init__(self) -> None:
        self._used: float | None = None
        with contextlib.suppress(AttributeError):  # glibc only
            LIBC.mallopt(_M_MMAP_THRESHOLD, _LARGE)
            LIBC.mallopt(_M_TRIM_THRESHOLD, _KEPT)

    def used(self) -> None:
        """Take note that requests have come."""
        self._used = time.monotonic()

    def idle(self) -> None:
        """Return the memory, if none have come for a while."""
        if self._used is not None and time.monotonic() - self._used > _PAUSE:
            self._used = None
            with contextlib.suppress(AttributeError):
                LIBC.malloc_trim(0)

"""The memory of a process once it has loaded what it needs."""

from __future__ import annotations

import contextlib
import gc

from falcohost.libc import LIBC


def settle() -> None:
    """Return freed memory to the system, and exempt the rest from garbage collection, so that forks share it."""
    release()
    gc.freeze()


def release() -> None:
    """Return freed memory to the system."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        LIBC.malloc_trim(0)  # glibc only

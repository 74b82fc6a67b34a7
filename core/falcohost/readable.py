"""Waits for descriptors of any number; select(2) takes none beyond 1,023."""

from __future__ import annotations

import select
from collections.abc import Iterable
from typing import Protocol

__all__ = ["HasFileno", "readable"]


class HasFileno(Protocol):
    """A file, socket or the like."""

    def fileno(self) -> int:
        """Return its descriptor."""


def readable(files: Iterable[int | HasFileno], seconds: float | None = None) -> set[int]:
    """Return the descriptors of *files* that can be read, or whose other end is closed; wait for one.

    :param seconds: for how long to wait at most; None: without end.
    """
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if seconds is None else 1000 * seconds)}

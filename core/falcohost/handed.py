"""The descriptors that the supervisor handed to this process, and those that it hands up (:mod:`falcohost.kept`)."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from typing import Final

#: Most descriptors that are kept for one source.
MOST_KEPT: Final = 250

#: Most that are kept and held together, of a source with a loader: three for each call of a kernel, and others.
MOST_HELD: Final = 1_700

#: What a process of the agent has open besides.
_OTHERS: Final = 512

#: Precedes the name of what was kept for a worker that another loader has prepared, until the next worker is open.
FORMER: Final = "former "

#: This process's descriptors by name: those of an earlier worker, and those that the supervisor is to keep.
INHERITED: Final[dict[str, tuple[int, ...]]] = {}
KEPT: Final[dict[str, tuple[int, ...]]] = {}
#: Further descriptors that the supervisor is to hold, and those that an earlier loader had it hold.
HELD: Final[dict[str, tuple[int, ...]]] = {}
HELD_BEFORE: Final[dict[str, tuple[int, ...]]] = {}


def room() -> int:
    """Return how many descriptors can be kept and held together, of a source with a loader.

    The supervisor, whose limit of open files this process has too, holds those of two loaders for a moment.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_HELD
    return max(MOST_KEPT, min(MOST_HELD, (soft - _OTHERS) // 2))


class News:
    """Whether there is something to hand up that was not handed up yet."""

    some = False


def inherit(kept: Mapping[str, Sequence[int]], held: Mapping[str, Sequence[int]]) -> None:
    """Take over the descriptors that the supervisor has kept, and for a loader those that it has held, by name.

    What the process had to hand up from which this one was forked, or has inherited, is not this one's.
    """
    for former in (INHERITED, HELD_BEFORE, KEPT, HELD):
        former.clear()
    News.some = False
    INHERITED.update((name, tuple(descriptors)) for name, descriptors in kept.items())
    HELD_BEFORE.update((name, tuple(descriptors)) for name, descriptors in held.items())


def taken() -> Mapping[str, Sequence[int]]:
    """Return the descriptors to keep, by name, if there are others than the last time.

    Close those inherited ones that the source has not asked for.
    """
    for unused in (*INHERITED.values(), *HELD_BEFORE.values()):
        for descriptor in unused:
            os.close(descriptor)
    INHERITED.clear()
    HELD_BEFORE.clear()
    if not News.some:
        return {}
    News.some = False
    return KEPT

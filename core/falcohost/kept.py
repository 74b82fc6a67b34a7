"""Descriptors that outlive a worker: the supervisor keeps copies of them, and gives them to the source's next worker.

The supervisor never reads or writes them. What a source hands up has to be of use to a process that starts without any
memory of the one before: a socket that listens, a ring that the kernel fills, a file in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcohost.handed import INHERITED, KEPT, MOST_KEPT

__all__ = ["MOST_KEPT", "inherited", "keep"]


def keep(name: str, descriptors: Sequence[int]) -> None:
    """Have the supervisor keep copies of *descriptors*, which stay open in this process, once the source is open.

    :raises ValueError: these are more than :data:`MOST_KEPT` with those of other names.
    """
    others = sum(len(those) for other, those in KEPT.items() if other != name)
    if others + len(descriptors) > MOST_KEPT:
        raise ValueError(f"{name}: no more than {MOST_KEPT} descriptors can be kept")
    KEPT[name] = tuple(descriptors)


def inherited(name: str) -> tuple[int, ...]:
    """Return the descriptors that were kept under *name*, in their order; they are the caller's from now on."""
    return INHERITED.pop(name, ())

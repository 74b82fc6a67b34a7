"""Descriptors that outlive a worker: the supervisor keeps copies of them, and gives them to the source's next worker.

The supervisor never reads or writes them. What a source hands up has to be of use to a process that starts without any
memory of the one before: a socket that listens, a ring that the kernel fills, a file in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcohost.handed import HELD, INHERITED, KEPT, MOST_KEPT

__all__ = ["MOST_KEPT", "hold", "inherited", "keep"]


def keep(name: str, descriptors: Sequence[int]) -> None:
    """Have the supervisor keep copies of *descriptors*, which stay open in this process, once the source is open.

    :raises ValueError: these are more than :data:`MOST_KEPT` with those of other names.
    """
    _check(sum(len(those) for other, those in KEPT.items() if other != name) + len(descriptors) + len(HELD), name)
    KEPT[name] = tuple(descriptors)


def hold(descriptors: Sequence[int]) -> None:
    """Have the supervisor hold copies of *descriptors*, which no other process gets.

    What they stand for goes on as long as the source does, also without the process that has made it.

    :raises ValueError: these are more than :data:`MOST_KEPT` with those that are kept.
    """
    _check(sum(map(len, KEPT.values())) + len(descriptors), "held")
    HELD[:] = descriptors


def _check(count: int, name: str) -> None:
    if count > MOST_KEPT:
        raise ValueError(f"{name}: no more than {MOST_KEPT} descriptors can be kept")


def inherited(name: str) -> tuple[int, ...]:
    """Return the descriptors that were kept under *name*, in their order; they are the caller's from now on."""
    return INHERITED.pop(name, ())

"""Descriptors that outlive a worker: the supervisor keeps copies of them, and gives them to the source's next worker.

The supervisor never reads or writes them. What a source hands up has to be of use to a process that starts without any
memory of the one before: a socket that listens, a ring that the kernel fills, a file in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falcohost.handed import FORMER, HELD, HELD_BEFORE, INHERITED, KEPT, MOST_KEPT, News, room

__all__ = ["MOST_KEPT", "LoadAgain", "former", "held", "hold", "inherited", "keep", "room"]


class LoadAgain(Exception):
    """Another loader has to prepare everything anew; the text says why.

    A loader that goes on with what a former one has prepared raises it where it cannot do what is asked. It serves
    until the other one has prepared everything.
    """


def keep(name: str, descriptors: Sequence[int]) -> None:
    """Have the supervisor keep copies of *descriptors*, which stay open in this process, once the source is open.

    :raises ValueError: these are more than :data:`MOST_KEPT` with those of other names, or than there is :func:`room`.
    """
    _put(KEPT, name, descriptors)


def hold(name: str, descriptors: Sequence[int]) -> None:
    """Have the supervisor hold copies of *descriptors*, which no process gets but a later loader of the same source.

    What they stand for goes on as long as the source does, also without the process that has made it. A loader may hold
    others later: they go up when its method returns.

    :raises ValueError: with those that are kept there is no :func:`room` for so many.
    """
    _put(HELD, name, descriptors)


def _put(where: dict[str, tuple[int, ...]], name: str, descriptors: Sequence[int]) -> None:
    before = where.pop(name, ())
    others, most = _count(KEPT) + _count(HELD), room()
    if where is KEPT and _count(KEPT) + len(descriptors) > MOST_KEPT:
        others, most = _count(KEPT), MOST_KEPT
    fits = others + len(descriptors) <= most
    where[name] = tuple(descriptors) if fits else before
    News.some = True
    if not fits:
        raise ValueError(f"{name}: no more than {most} descriptors can be kept")


def _count(descriptors: Mapping[str, Sequence[int]]) -> int:
    return sum(map(len, descriptors.values()))


def inherited(name: str) -> tuple[int, ...]:
    """Return the descriptors that were kept under *name*, in their order; they are the caller's from now on."""
    return INHERITED.pop(name, ())


def former(name: str) -> tuple[int, ...]:
    """Return the descriptors that were kept under *name* before another loader has prepared everything anew.

    They say where the worker before has ended, for the first worker that reads what the new loader has prepared.
    """
    return INHERITED.pop(FORMER + name, ())


def held(name: str) -> tuple[int, ...]:
    """Return the descriptors that a former loader held under *name*, in their order; they are the caller's from now on.

    They are there for the first loader of an agent that was started again, if somebody has kept them meanwhile.
    """
    return HELD_BEFORE.pop(name, ())

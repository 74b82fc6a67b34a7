"""What the compiler is given of the place where a filter runs: its memory, its maps, and where it goes on to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from falcohost_syscall.filters.condition import Point


@dataclass(frozen=True, slots=True)
class Lengths:
    """What may stand instead of the length of a text; any other number that is none says that nothing is known.

    :ivar longest: texts are no longer than this.
    :ivar absent: there is no text.
    :ivar no_slash: it is there, and has no slash; more is not told.
    :ivar ends: it is there, and is empty or begins with a hexadecimal digit.
    :ivar begin: it has *told* bytes or more, of which the first *told* are there.
    """

    longest: int
    absent: int
    no_slash: int
    ends: int
    begin: int
    told: int


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of the event that is asked about.

    :ivar texts: from here on are the bytes of texts; a view says where in them its text begins, and how long it is.
    :ivar size: so many bytes they are, a power of two.
    :ivar free: where a filter may write four bytes.
    """

    texts: int
    size: int
    free: int
    lengths: Lengths


@dataclass(frozen=True, slots=True)
class Site:
    """Where filters run.

    :ivar points: at which points they are asked, in order.
    :ivar left_out: the stage that is gone on to when the event is left out, if there is one then.
    :ivar again: the stage that has filters asked again under the next name.
    :ivar further: texts (the places of their views) that may have further names, and where the memory says whether they
        have: eight bytes, not zero.
    :ivar kind: the type of the programs.
    :ivar tracepoint: where they are attached, for those that have to say so.
    """

    memory: Memory
    points: tuple[Point, ...]
    left_out: int
    again: int
    further: tuple[tuple[frozenset[int], int], ...]
    kind: int
    tracepoint: str = ""


class SiteMaps(NamedTuple):
    """The maps that are there already, by descriptor.

    :ivar memory: an array with the memory of events, at twice the number of the processor.
    :ivar stages: the programs that are gone on to.
    :ivar keyed: numbers (one byte) by keys of eight bytes.
    """

    memory: int
    stages: int
    keyed: int

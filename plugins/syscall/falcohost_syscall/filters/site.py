"""Describes to the compiler where a filter runs: the event's memory, the maps, and the stages that follow."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from falcohost_syscall.filters.condition import Point


class Lengths(Struct, frozen=True):
    """Special values of a text's length. A length that is neither one of them nor valid means "nothing known".

    :ivar longest: the largest valid length.
    :ivar absent: there is no text.
    :ivar no_slash: the text exists and has no slash; nothing else is known.
    :ivar ends: the text exists, and is empty or begins with a hexadecimal digit.
    :ivar begin: the text has at least *told* bytes, of which the first *told* are known.
    """

    longest: int
    absent: int
    no_slash: int
    ends: int
    begin: int
    told: int


class Memory(Struct, frozen=True):
    """The layout of the event's memory.

    :ivar texts: offset of the bytes of texts; a view gives offset and length of its text in them.
    :ivar size: their size in bytes, a power of two.
    :ivar free: offset of four bytes that a filter may write.
    """

    texts: int
    size: int
    free: int
    lengths: Lengths


class Site(Struct, frozen=True):
    """Where filters run.

    :ivar points: the points at which filters are asked, in order.
    :ivar left_out: the stage for events that are left out, if the probe has one.
    :ivar again: the stage that asks the filters again under the next name.
    :ivar further: pairs of texts (the offsets of their views) that may have further names, and the offset of eight
        bytes that are not zero if they have.
    :ivar kind: the type of the programs.
    :ivar tracepoint: the tracepoint that they are loaded for, if their type needs one.
    :ivar passed: the stage for events that pass, if it is not the one behind the point.
    """

    memory: Memory
    points: tuple[Point, ...]
    left_out: int
    again: int
    further: tuple[tuple[frozenset[int], int], ...]
    kind: int
    tracepoint: str = ""
    passed: int | None = None


class SiteMaps(NamedTuple):
    """The probe's maps that filters use, by descriptor.

    :ivar memory: an array of the memory of events, indexed by twice the processor's number.
    :ivar stages: the programs of the stages.
    :ivar keyed: one-byte numbers by keys of eight bytes.
    """

    memory: int
    stages: int
    keyed: int

"""What the loader of the probe tells a reader, and the names under which it hands up descriptors."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from falcohost_syscall.drivers.modern_ebpf.sentinel import NOTHING, Expected

#: The names under which descriptors are kept; behind these maps is the link that lists processes.
PROBE: Final = "probe"
STATUS, REPORTED, JOURNAL = "status", "reported", "journal"


_RingSize = Annotated[int, msgspec.Meta(ge=0, le=1 << 32)]


class Status(msgspec.Struct, frozen=True):
    """What a reader wants to know of the loader.

    :ivar ring_sizes: the sizes of its rings of calls and of processes, in bytes.
    :ivar rows: the rows of calls that were ever collected.
    :ivar weaker: number of groups of event types whose filter was weakened.
    :ivar where: where calls are observed, in words.
    :ivar missed: how often the kernel skipped one of the programs.
    :ivar by_function: calls are observed at functions.
    :ivar layout: what a later reader has to have in common with this one (:func:`.adopted.layout`).
    :ivar purpose: what decides what is collected (:func:`.adopted.purpose`).
    :ivar unread: number of records that an earlier agent has left, and that nobody can read.
    :ivar expected: the sentinel.
    :ivar objects: the numbers of the maps, programs and links, by kind.
    :ivar waits: some events are collected only after the reader has listed the running processes.
    """

    ring_sizes: tuple[_RingSize, _RingSize] = (0, 0)
    rows: list[int] = []
    weaker: int = 0
    where: str = ""
    missed: int = 0
    by_function: bool = False
    layout: str = ""
    purpose: str = ""
    unread: int = 0
    expected: Expected = NOTHING
    objects: dict[str, list[int]] = {}
    waits: bool = False

"""The numbers that a source tells of itself. A field is a counter: adding one here is all that it takes.

What the host counts beside them is in :mod:`falcohost.host.numbers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from falcohost.counters import Over, Unit, by_name, number, progress, rows, sentences


class TypeCount(msgspec.Struct, frozen=True):
    """What became of the events of one type."""

    seen: Annotated[
        int, number("events of this type where they are born: for `syscall`, returns of the call while a rule wants it")
    ] = 0
    filtered: Annotated[
        int,
        number("left out there, because no rule could want them ([decision 0008](decisions/0008-kernel-filters.md))"),
    ] = 0
    passed: Annotated[int, number("handed on to the rules")] = 0
    lost: Annotated[int, number("should have been handed on, and there was no room", colour="red")] = 0
    timed: Annotated[int, number("events whose cost was measured where they are born", text=None)] = 0
    ns: Annotated[int, number("what all of those took there", unit=Unit.NANOSECONDS, text=None)] = 0


class SourceStats(msgspec.Struct, frozen=True):
    """Numbers since the source was opened. Causes and names are in the source's own words."""

    received: Annotated[int, number("what came from where events are born")] = 0
    passed: Annotated[int, number("what became an event")] = 0
    dropped: Annotated[
        Mapping[str, int], by_name("what was lost, by cause", text="lost", json="lost", colour="red")
    ] = {}
    filtered: Annotated[
        int, number("what was left out before, by the plan's condition, because no rule could want it")
    ] = 0
    weakened: Annotated[
        int,
        number(
            "kinds of events whose filter is weaker than the plan allows",
            over=Over.LAST,
            text="{} filters are weaker than they could be: see the log",
            colour="yellow",
        ),
    ] = 0
    done: Annotated[
        float | None,
        progress("how much of a source that ends has been read, from 0 to 1; None where that is not known"),
    ] = None
    types: Annotated[
        Mapping[str, TypeCount],
        rows("what became of the events of each type, for sources that can tell", text="event type"),
    ] = {}
    unwanted: Annotated[
        Mapping[str, TypeCount], rows("what was met, while it was measured, that no rule wants", text=None)
    ] = {}
    fill: Annotated[
        Mapping[str, float],
        by_name(
            "how full each buffer before the source was at most in the last second",
            over=Over.LAST,
            unit=Unit.SHARE,
            text="buffers filled at most",
        ),
    ] = {}
    notes: Annotated[tuple[str, ...], sentences("how the source collects events, in sentences")] = ()

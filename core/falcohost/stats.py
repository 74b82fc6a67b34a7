"""The counters that a source reports. Each field is a counter; adding a field here adds the counter everywhere.

The host's own counters are in :mod:`falcohost.host.numbers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from falcohost.counters import Over, Unit, by_name, number, progress, rows, sentences


class TypeCount(msgspec.Struct, frozen=True):
    """Numbers for the events of one type."""

    seen: Annotated[
        int, number("events of this type at their origin: for `syscall`, returns of the call while a rule wants it")
    ] = 0
    filtered: Annotated[
        int,
        number(
            "events filtered out there: no rule could match them ([decision 0008](decisions/0008-kernel-filters.md))"
        ),
    ] = 0
    passed: Annotated[int, number("events passed on to the rules")] = 0
    lost: Annotated[int, number("events lost because a buffer was full", colour="red")] = 0
    timed: Annotated[int, number("events whose cost at their origin was measured", text=None)] = 0
    ns: Annotated[int, number("total time that those events took there", unit=Unit.NANOSECONDS, text=None)] = 0


class SourceStats(msgspec.Struct, frozen=True):
    """Numbers since the source was opened. Causes and names are in the source's own words."""

    received: Annotated[int, number("records that the source received")] = 0
    passed: Annotated[int, number("events passed on to the rules")] = 0
    dropped: Annotated[
        Mapping[str, int],
        by_name("events and records lost, by cause", label="cause", text="lost", json="lost", colour="red"),
    ] = {}
    filtered: Annotated[int, number("events that the source filtered out because no rule could match them")] = 0
    weakened: Annotated[
        int,
        number(
            "event types whose filter had to be weakened",
            over=Over.LAST,
            text="{} filters are weaker than they could be: see the log",
            colour="yellow",
        ),
    ] = 0
    done: Annotated[
        float | None,
        progress("share of the input that has been read, from 0 to 1; None if it has no end or its size is not known"),
    ] = None
    types: Annotated[
        Mapping[str, TypeCount],
        rows("numbers for each event type, from sources that count them", label="type", text="event type"),
    ] = {}
    unwanted: Annotated[
        Mapping[str, TypeCount],
        rows("event types that no rule wants, counted only while measuring is on", label="type", text=None),
    ] = {}
    fill: Annotated[
        Mapping[str, float],
        by_name(
            "highest fill level of each of the source's buffers in the last second",
            label="buffer",
            over=Over.LAST,
            unit=Unit.SHARE,
            text="buffers filled at most",
        ),
    ] = {}
    turned_away: Annotated[
        Mapping[str, int],
        by_name(
            "connections and requests that a listener did not serve, by cause",
            label="cause",
            text="{} connections and requests not served",
            colour="yellow",
        ),
    ] = {}
    made_room: Annotated[
        Mapping[str, int],
        by_name(
            "entries of the source's tables that had to make room for others, and are learnt again when needed",
            label="table",
            text="{} entries of its tables made room for others",
        ),
    ] = {}
    notes: Annotated[tuple[str, ...], sentences("sentences about how the source collects events")] = ()
    elapsed: Annotated[
        int | None,
        progress(
            "seconds that have passed by the times of the events, for simulated drops; None: as on the clock",
            Unit.COUNT,
        ),
    ] = None

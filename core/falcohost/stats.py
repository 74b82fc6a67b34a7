"""The numbers that a source tells of itself. A field is a counter: adding one here is all that it takes.

What the host counts beside them is in :mod:`falcohost.host.numbers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from falcohost.counters import Over, Unit, by_name, number, progress, rows, sentences


@dataclass(frozen=True, slots=True)
class TypeCount:
    """What became of the events of one type."""

    seen: int = number(
        "events of this type where they are born: for `syscall`, returns of the call while a rule wants it"
    )
    filtered: int = number(
        "left out there, because no rule could want them ([decision 0008](decisions/0008-kernel-filters.md))"
    )
    passed: int = number("handed on to the rules")
    lost: int = number("should have been handed on, and there was no room", colour="red")
    timed: int = number("events whose cost was measured where they are born", text=None)
    ns: int = number("what all of those took there", unit=Unit.NANOSECONDS, text=None)


@dataclass(frozen=True, slots=True)
class SourceStats:
    """Numbers since the source was opened. Causes and names are in the source's own words."""

    received: int = number("what came from where events are born")
    passed: int = number("what became an event")
    dropped: Mapping[str, int] = by_name("what was lost, by cause", text="lost", json="lost", colour="red")
    filtered: int = number("what was left out before, by the plan's condition, because no rule could want it")
    weakened: int = number(
        "kinds of events whose filter is weaker than the plan allows",
        over=Over.LAST,
        text="{} filters are weaker than they could be: see the log",
        colour="yellow",
    )
    done: float | None = progress(
        "how much of a source that ends has been read, from 0 to 1; None where that is not known"
    )
    types: Mapping[str, TypeCount] = rows(
        "what became of the events of each type, for sources that can tell", of=TypeCount, text="event type"
    )
    unwanted: Mapping[str, TypeCount] = rows(
        "what was met, while it was measured, that no rule wants", of=TypeCount, text=None
    )
    fill: Mapping[str, float] = by_name(
        "how full each buffer before the source was at most in the last second",
        over=Over.LAST,
        unit=Unit.SHARE,
        text="buffers filled at most",
    )
    notes: tuple[str, ...] = sentences("how the source collects events, in sentences")

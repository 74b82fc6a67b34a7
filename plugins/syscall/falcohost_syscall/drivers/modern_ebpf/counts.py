"""Converts the probe's counters to the host's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from falcohost import TypeCount
from falcohost_syscall.calls.rows import CALLS, Call
from falcohost_syscall.records.record import COUNT_EXECS, COUNT_EXITS, COUNT_FORKS, WANT_MESSAGES, CallCount

_UNWANTED: Final = {0: "calls", COUNT_FORKS: "forks", COUNT_EXECS: "execs", COUNT_EXITS: "exits"}
"""Rows of events that no rule asks for. Execs and exits that rules ask for are counted in the rows of their types.
Forks are counted in no other row, since rules ask for the call."""


def by_type(counts: Mapping[int, CallCount]) -> dict[str, TypeCount]:
    """Return the counters of each event type that was seen."""
    seen = [(CALLS[row - 1], count) for row, count in counts.items() if count.seen]
    return {row.name: _count(row, count) for row, count in seen}


def unwanted(counts: Mapping[int, CallCount]) -> dict[str, TypeCount]:
    """Return the counters of events that no rule asks for, taken while measuring was on."""
    met = [(name, counts[row]) for row, name in _UNWANTED.items() if row in counts]
    return {name: TypeCount(seen=count.timed, timed=count.timed, ns=count.ns) for name, count in met if count.timed}


def _count(row: Call, count: CallCount) -> TypeCount:
    """Return the host's counters; no filter applies to a call that makes several events."""
    filtered = 0 if row.want & WANT_MESSAGES else count.seen - count.passed - count.lost
    return TypeCount(count.seen, max(filtered, 0), count.passed, count.lost, count.timed, count.ns)

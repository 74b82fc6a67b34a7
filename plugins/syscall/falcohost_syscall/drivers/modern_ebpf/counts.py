"""What the probe counts, as the host counts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from falcohost import TypeCount
from falcohost_syscall.calls.rows import CALLS, Call
from falcohost_syscall.records.record import COUNT_EXECS, COUNT_EXITS, COUNT_FORKS, WANT_MESSAGES, CallCount

_UNWANTED: Final = {0: "calls", COUNT_FORKS: "forks", COUNT_EXECS: "execs", COUNT_EXITS: "exits"}
"""Rows of what no rule wants. Execs and exits that rules want are in the rows of their types; forks are in none, since
what rules want is the call."""


def by_type(counts: Mapping[int, CallCount]) -> dict[str, TypeCount]:
    """Return what became of the events of each type that was seen."""
    seen = [(CALLS[row - 1], count) for row, count in counts.items() if count.seen]
    return {row.name: _count(row, count) for row, count in seen}


def unwanted(counts: Mapping[int, CallCount]) -> dict[str, TypeCount]:
    """Return what was met, while it was measured, that no rule wants."""
    met = [(name, counts[row]) for row, name in _UNWANTED.items() if row in counts]
    return {name: TypeCount(seen=count.timed, timed=count.timed, ns=count.ns) for name, count in met if count.timed}


def _count(row: Call, count: CallCount) -> TypeCount:
    """Return it as the host counts; a call that makes many events is none that filters leave out."""
    filtered = 0 if row.want & WANT_MESSAGES else count.seen - count.passed - count.lost
    return TypeCount(count.seen, max(filtered, 0), count.passed, count.lost, count.timed, count.ns)

"""Moves the position in the rings on, batch by batch, when what the batches led to is stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from falcohost_syscall.drivers.modern_ebpf.rings import Position
from falcohost_syscall.drivers.modern_ebpf.takeover.journal import Journal, Reached
from falcohost_syscall.drivers.modern_ebpf.takeover.snapshot import Tables

#: With this share of a ring read and not stored, the position moves on all the same: the kernel needs the room.
MOST_HELD: Final = 0.25


@dataclass(slots=True, eq=False)
class Step:
    """One batch.

    :ivar position: how far the rings are read with it.
    :ivar until: the time of its last record, in nanoseconds since boot.
    :ivar records: those of its records that change the tables.
    :ivar passed: number of events that were passed on up to its end.
    :ivar tables: the tables at its end, to begin the journal anew with.
    """

    position: Position
    until: int = 0
    records: list[bytes] = field(default_factory=list)
    passed: int = 0
    tables: Tables | None = None


class Progress:
    """Moves the position on in the *journal*, and then in the rings (*release*).

    :param tables: returns the tables as they are.
    :ivar mark: what is kept with the next position.
    """

    def __init__(self, journal: Journal, release: Callable[[Position], None], tables: Callable[[], Tables]) -> None:
        self._journal = journal
        self._release = release
        self._tables = tables
        self._steps: deque[Step] = deque()
        self._last: Reached | None = None
        self._is_long = False
        self.mark = 0

    def begin(self, reached: Reached) -> None:
        """Begin the journal with the present tables."""
        self._journal.begin(self._tables(), reached)
        self._last = reached
        self._release(reached.position)

    def step(self, position: Position, until: int = 0) -> Step:
        """Return the step of a new batch, whose last record is of the time *until*; those before were read."""
        if self._is_long:
            self._shorten()
        step = Step(position, until)
        self._steps.append(step)
        return step

    def stored(self, step: Step) -> None:
        """Move on to the end of *step*, unless that was done; then only the mark may be new."""
        if step in self._steps:
            self._move(step)
        elif self._last is not None and self._last.mark != self.mark:
            self._last = msgspec.structs.replace(self._last, mark=self.mark)
            self._journal.go_on((), self._last)

    def hurry(self) -> None:
        """Move on to the end of all steps, which have been read."""
        if self._steps:
            self._move(self._steps[-1])

    def renew(self) -> None:
        """Have the journal begin anew at the next batch: much of what it has was forgotten."""
        self._is_long = True

    def skip(self, step: Step, passed: int) -> None:
        """Move on to the end of *step* before it is read, since an attempt to read it may be the end of the process."""
        self._journal.go_on((), Reached(step.position, passed, self._last.mark if self._last else self.mark))

    def _move(self, last: Step) -> None:
        records: list[bytes] = []
        tables: Tables | None = None
        while self._steps:
            step = self._steps.popleft()
            records += step.records
            if step.tables is not None:
                tables, records = step.tables, []
            if step is last:
                break
        self._last = Reached(last.position, last.passed, self.mark)
        if tables is None:
            self._is_long |= self._journal.go_on(records, self._last, last.until)
        else:
            self._journal.begin(tables, self._last, records, last.until)
            self._is_long = False
        self._release(last.position)

    def _shorten(self) -> None:
        """Have the journal begin anew, with the tables as they are between two batches."""
        if not self._steps and self._last is not None:
            self._journal.begin(self._tables(), self._last)
            self._is_long = False
        elif self._steps and all(step.tables is None for step in self._steps):
            self._steps[-1].tables = self._tables()

"""Reads what the probe tells, from where the reader before it ended, and remembers how far it came."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from falcohost import SourceError
from falcohost import kept as descriptors_kept
from falcohost.lasting import Memory
from falcohost_syscall.drivers.modern_ebpf.feed import MAPS, Feed
from falcohost_syscall.drivers.modern_ebpf.rings import time_of
from falcohost_syscall.drivers.modern_ebpf.status import JOURNAL, PROBE, REPORTED, STATUS, Status
from falcohost_syscall.drivers.modern_ebpf.takeover import boundary
from falcohost_syscall.drivers.modern_ebpf.takeover.journal import Journal, Reached
from falcohost_syscall.drivers.modern_ebpf.takeover.progress import MOST_HELD, Progress, Step
from falcohost_syscall.drivers.modern_ebpf.takeover.snapshot import restore, tables
from falcohost_syscall.drivers.told import Told
from falcohost_syscall.events.event import Context, SyscallEvent
from falcohost_syscall.kernel.ring import BATCH
from falcohost_syscall.records.record import CallCount

#: When so many readers in a row have ended before they came on, records are read one by one, each once.
MOST_ATTEMPTS: Final = 5

_log = logging.getLogger("falcohost")


class Counters(msgspec.Struct, frozen=True):
    """The probe's counters: of calls by row, and of losses by cause."""

    counts: dict[int, tuple[int, ...]] = {}
    lost: dict[str, int] = {}


#: The probe's counters since it was loaded: of calls by row, and of losses by cause.
Counted: TypeAlias = tuple[dict[int, CallCount], dict[str, int]]


class Since(NamedTuple):
    """What was counted since the last report of an earlier reader."""

    counts: dict[int, CallCount]
    lost: dict[str, int]


def inherited() -> Mapping[str, Sequence[int]] | None:
    """Return the descriptors of a probe that another process has loaded, by name; None if there is none."""
    found = {name: descriptors_kept.inherited(name) for name in (PROBE, STATUS, REPORTED, JOURNAL)}
    return found if all(found.values()) else None


class Reader:
    """Reads the probe with these *descriptors* (:attr:`.Loader.descriptors`), for the tables in *context*.

    :ivar feed: what is read.
    :ivar progress: how far it came.
    :ivar is_successor: an earlier reader has left its tables; :meth:`restore` before the first :meth:`read`.
    :ivar restored: that was done.
    :ivar is_second: an earlier reader has ended before it left any.
    :ivar again: an earlier reader may have read what was read last.
    :ivar latest: what :meth:`counters` has read last.
    """

    def __init__(self, descriptors: Mapping[str, Sequence[int]], context: Context) -> None:
        maps, tasks = descriptors[PROBE][: len(MAPS)], descriptors[PROBE][len(MAPS) :]
        journal = Memory(descriptors[JOURNAL][0])
        self.feed = Feed(dict(zip(MAPS, maps, strict=True)), tasks)
        self.again = False
        self.latest: Counted | None = None
        self._context = context
        self._told = Told(Memory(descriptors[STATUS][0], writable=False), Status)
        self._reported = Told(Memory(descriptors[REPORTED][0]), Counters)
        self._before = self._reported.heard() or Counters()
        self._journal = Journal(journal)
        self.is_successor = journal.size > 0
        self.restored = False
        self.is_second = self._journal.begun and not self.is_successor
        self._careful = self._journal.attempts >= MOST_ATTEMPTS
        self._tried = False
        self._last: deque[bytes] = deque(maxlen=boundary.MOST)
        self._told_before = _told_before(journal)
        self._until = (0, 0)
        self.progress = Progress(self._journal, self.feed.release, lambda: tables(context))

    def begin(self, passed: int) -> None:
        """Begin with the present tables: nobody has left others."""
        self.feed.start(self.status().ring_sizes)
        if self.is_second:
            self._until = self.feed.rings.produced()
            self.again = True
        self.progress.begin(Reached(self.feed.rings.position, passed))

    def restore(self, apply: Callable[[Iterable[bytes]], object]) -> int:
        """Make the tables as an earlier reader had them where it ended; *apply* applies records to them.

        Return the number of events that it had passed on. To be called with the rights that reading takes, and no more:
        who has written this has parsed what strangers do.

        :raises SourceError: what was left cannot be used.
        """
        try:
            left = self._journal.left()
            if left.tables is not None:
                restore(left.tables, self._context)
            apply(left.records)
        except ValueError as error:
            self._journal.clear()  # the next worker begins as the first one did
            raise SourceError(f"What the worker before has left cannot be used: {error}") from error
        self.restored = True
        self.progress.mark = left.reached.mark
        self.feed.start(self.status().ring_sizes, left.reached.position)
        self._until = self.feed.rings.produced()
        self.again = True
        if self._careful:
            _log.error(
                "The last %d workers ended before they came on: each record is now read once, also if that fails.",
                MOST_ATTEMPTS,
            )
        return left.reached.passed

    def read(self, passed: int) -> tuple[list[bytes], Step]:
        """Return the next records, and the step that they are; *passed*: number of events passed on before."""
        rings = self.feed.rings
        if rings.held > MOST_HELD:
            self.progress.hurry()
        self.again = self.again and not rings.have_read(self._until)
        before = rings.position
        records = rings.read(1 if self._careful and self.again else BATCH)
        if not records and rings.position == before:
            return records, Step(before)
        if not self._tried:
            self._tried = True
            self._journal.try_on()
        if records:
            self._last.extend(records[-boundary.MOST :])
        step = self.progress.step(rings.position, time_of(records[-1]) if records else 0)
        if self._careful and self.again:
            self.progress.skip(step, passed)
        return records, step

    def not_told(self, records: Sequence[bytes], events: Iterable[SyscallEvent]) -> Iterable[SyscallEvent]:
        """Return those of the *events* of *records* that the reader of another probe has not told."""
        told = self._told_before
        if told is None:
            return events
        if told.is_past(time_of(records[-1])):
            self._told_before = None
        return told.left_of(events)

    def counters(self, status: Status) -> Since:
        """Return what was counted since the last report of an earlier reader; from now on this is the last report."""
        counts, lost = self.latest = self.feed.counts(status.rows), self.feed.lost()
        now = Counters({row: tuple(count) for row, count in counts.items()}, lost | {"preempted": status.missed})
        self._reported.say(now)
        before = self._before
        return Since(
            {row: _since(count, before.counts.get(row, ())) for row, count in counts.items()},
            {cause: max(count - before.lost.get(cause, 0), 0) for cause, count in now.lost.items()},
        )

    def status(self) -> Status:
        """Return what the loader last said.

        :raises SourceError: it has said nothing.
        """
        status = self._told.heard()
        if status is None:
            raise SourceError("The probe's loader has not said how the probe is loaded.")
        return status

    def close(self) -> None:
        """Stop reading."""
        self._journal.end([*self._last])
        self.feed.close()
        self._journal.close()
        self._told.close()
        self._reported.close()


def _told_before(memory: Memory) -> boundary.Told | None:
    """Return what the reader of another probe has told of; None if there was none.

    The first reader of a probe gets it, and notes it in *memory* for those who take its place before they are past it.
    """
    for descriptor in descriptors_kept.former(JOURNAL):
        former = Memory(descriptor, writable=False)
        os.close(descriptor)
        boundary.hand_on(former, memory)
        former.close()
    return boundary.told_before(memory)


def _since(count: CallCount, before: Sequence[int]) -> CallCount:
    if len(before) != len(count):
        return count
    return CallCount(*(max(now - then, 0) for now, then in zip(count, before, strict=True)))

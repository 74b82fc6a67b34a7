"""Reads the probe's two rings, of calls and of processes, in order of time."""

from __future__ import annotations

import os
import select
import struct
import time
from typing import Annotated, Final

import msgspec

from falcohost.agent import TamperedError
from falcohost_syscall.kernel.ring import BATCH, Ring

_WAKE_SHARE: Final = 16  # as in bpf/scratch.bpf.h
_BEHIND_SHARE: Final = 8
#: Bytes in a ring; beyond them nobody who sleeps is woken for the next record (WAKE_BAND in bpf/scratch.bpf.h is more).
_MOST_HELD: Final = 4096
#: The first member of every record.
_TIMESTAMP: Final = struct.Struct("=Q")

_Unsigned = Annotated[int, msgspec.Meta(ge=0)]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """How far both rings were read: where somebody else would go on.

    :ivar calls: the position in the ring of calls.
    :ivar processes: the position of the first record of processes that was not returned.
    :ivar until: the position up to which they were looked at; in between those were returned that are not later than
        *bound*, in nanoseconds since boot.
    """

    calls: _Unsigned = 0
    processes: _Unsigned = 0
    until: _Unsigned = 0
    bound: _Unsigned = 0


class Rings:
    """The records that the probe has written and that were not read yet.

    :ivar position: how far they were read.
    :ivar asked: the probe was asked to wake this reader for the next record, and nothing was read since.
    :ivar complete: all calls that were written before this time (nanoseconds of the monotonic clock) were returned.
    """

    def __init__(self, rings: tuple[int, int], sizes: tuple[int, int], position: Position | None = None) -> None:
        """Read the rings of calls and of processes with these descriptors and sizes in bytes, from *position* on."""
        self.position = position or Position()
        self.complete = 0
        self.asked = False
        positions = (self.position.calls, self.position.processes)
        self._rings = [Ring(*one) for one in zip(rings, sizes, positions, strict=True)]
        self._fullest = [0, 0]
        self._pending: list[tuple[int, bytes]] = []  # records of processes, with their places
        self._resumed = self.position
        self._bound = self.position.bound
        self._poll = select.epoll()
        for ring in self._rings:
            self._poll.register(ring.fd, select.EPOLLIN | select.EPOLLET)  # only the probe's wake-ups count

    def produced(self) -> tuple[int, int]:
        """Return the positions up to which the kernel has written both rings."""
        calls, processes = self._rings
        return calls.produced(), processes.produced()

    def have_read(self, produced: tuple[int, int]) -> bool:
        """Return whether all before these positions was read and returned."""
        return self.position.calls >= produced[0] and self.position.processes >= produced[1]

    @property
    def behind(self) -> bool:
        """Return whether an eighth of the ring of calls is unread: more than comes while its reader sleeps."""
        return self._rings[0].unread() >= self._rings[0].size // _BEHIND_SHARE

    def wait(self, timeout: float) -> None:
        """Sleep until a sixteenth of a ring is filled, but at most *timeout* seconds."""
        until = time.monotonic() + timeout
        while not self._are_filled() and (left := until - time.monotonic()) > 0:
            if not self._sleep(left):
                return

    def wait_for_next(self, first: float, longest: float) -> None:
        """Sleep until there is a record, if :meth:`is_empty`, but at most *longest* seconds.

        The probe decides whom it wakes just before it writes a record. So one that came while this reader asked may
        wake nobody, and the first sleep after a batch takes *first* seconds at most, as does each while much is read
        that is not given back.
        """
        if any(ring.held > _MOST_HELD for ring in self._rings):
            self._sleep(first)
            return
        timeout = longest if self.asked else first
        if not self.asked:
            self._ask(wake=True)
        if not any(ring.changed() for ring in self._rings):
            self._sleep(min(timeout, longest))

    def _are_filled(self) -> bool:
        calls, processes = self._rings
        return calls.unread() >= calls.size // _WAKE_SHARE or processes.unread() >= processes.size // _WAKE_SHARE

    def _sleep(self, timeout: float) -> bool:
        """Sleep until the probe wakes this reader; return whether no signal has."""
        try:
            self._poll.poll(timeout)
        except InterruptedError:
            return False
        return True

    def is_empty(self) -> bool:
        """Return whether :meth:`read` would find nothing, which is then known to be complete up to now."""
        now = time.monotonic_ns()
        calls, processes = self._rings
        if self._pending or calls.changed() or processes.changed():
            return False
        self.complete = now
        return True

    def read(self, limit: int = BATCH) -> list[bytes]:
        """Return the next records of both rings in order of time, up to *limit* of calls; empty if there are none.

        :raises TamperedError: somebody else has written to a ring, which is set back; records may be lost.

        The position of the calls is noted before the processes are read, so a call is never returned before the fork or
        exec that it follows. Process records newer than all calls in this batch wait for the next batch.
        """
        calls, processes = self._rings
        if any([calls.set_back(), processes.set_back()]):
            raise TamperedError("the reader's position in a ring was moved; it was set back")
        if self.asked and (calls.unread() or processes.unread()):
            self._ask(wake=False)
        self._fullest = [
            max(most, ring.unread() + ring.held) for most, ring in zip(self._fullest, self._rings, strict=True)
        ]
        now = time.monotonic_ns()
        until = calls.produced()
        pending = self._pending + self._drain_processes(processes.produced())
        batch = calls.drain(until, limit)
        if calls.read_up_to(until):
            self.complete = now
        if not batch or calls.read_up_to(until):
            self._pending = []
        else:
            # Calls of several processors may be in another order than that of their times.
            bound = self._bound = max(self._bound, max(map(time_of, batch)))
            self._pending = [one for one in pending if time_of(one[1]) > bound]
            pending = [one for one in pending if time_of(one[1]) <= bound]
        first = self._pending[0][0] if self._pending else processes.position
        self.position = Position(calls.position, first, processes.position, self._bound)
        if pending:
            batch += [record for _, record in pending]
            batch.sort(key=time_of)
        return batch

    def pass_over(self, until: tuple[int, int]) -> int:
        """Read on up to these positions; return how many records that were."""
        count = 0
        while not self.have_read(until) and (found := self.read()):
            count += len(found)
        return count

    def _ask(self, *, wake: bool) -> None:
        self.asked = wake
        for ring in self._rings:
            ring.ask(wake=wake)

    def release(self, position: Position) -> None:
        """Give the space of what was read up to *position* back to the kernel."""
        calls, processes = self._rings
        calls.release(position.calls)
        processes.release(position.processes)

    @property
    def held(self) -> float:
        """Return the share of the fuller ring that was read and not given back, from 0 to 1."""
        return max(ring.held / ring.size for ring in self._rings)

    def _drain_processes(self, goal: int) -> list[tuple[int, bytes]]:
        """Return the process records up to *goal*; wait briefly for those that are still being written."""
        processes = self._rings[1]
        places: list[int] = []
        newer = processes.drain(limit=1 << 30, places=places)
        for _ in range(1000):
            if processes.read_up_to(goal):
                break
            os.sched_yield()
            newer += processes.drain(limit=1 << 30, places=places)
        found = list(zip(places, newer, strict=True))
        if found and found[0][0] < self._resumed.until:
            resumed = self._resumed
            return [one for one in found if one[0] >= resumed.until or time_of(one[1]) > resumed.bound]
        return found

    def fill(self) -> dict[str, float]:
        """Return the highest fill level of each ring since the last call, from 0 to 1."""
        names, most = ("calls", "processes"), self._fullest
        self._fullest = [0, 0]
        return {name: full / ring.size for name, full, ring in zip(names, most, self._rings, strict=True)}

    def close(self) -> None:
        """Unmap the rings."""
        if self.asked:
            self._ask(wake=False)
        for ring in self._rings:
            ring.close()
        self._poll.close()


def time_of(data: bytes) -> int:
    """Return the time of a record, in nanoseconds since boot."""
    stamp: int = _TIMESTAMP.unpack_from(data)[0]
    return stamp

"""Reads the probe's two rings, of calls and of processes, in order of time."""

from __future__ import annotations

import contextlib
import os
import select
import struct
from typing import Final

from falcohost_syscall.kernel.ring import Ring

_WAKE_SHARE: Final = 16  # as in bpf/scratch.bpf.h
#: The first member of every record.
_TIMESTAMP: Final = struct.Struct("=Q")


class Rings:
    """The records that the probe has written and that were not read yet."""

    def __init__(self, calls: int, processes: int, size: int) -> None:
        """Read the rings with these descriptors, of *size* bytes each."""
        self._rings = [Ring(fd, size) for fd in (calls, processes)]
        self._size = size
        self._fullest = [0, 0]
        self._pending: list[bytes] = []
        self._poll = select.epoll()
        for ring in self._rings:
            self._poll.register(ring.fd, select.EPOLLIN | select.EPOLLET)  # only the probe's wake-ups count

    def wait(self, timeout: float) -> None:
        """Sleep until a sixteenth of a ring is filled, but at most *timeout* seconds."""
        if any(ring.unread() >= self._size // _WAKE_SHARE for ring in self._rings):
            return
        with contextlib.suppress(InterruptedError):
            self._poll.poll(timeout)

    def read(self) -> list[bytes]:
        """Return the next records of both rings in order of time; empty if there are none.

        The position of the calls is noted before the processes are read, so a call is never returned before the fork or
        exec that it follows. Process records newer than the last call in this batch wait for the next batch.
        """
        calls, processes = self._rings
        self._fullest = [max(most, ring.unread()) for most, ring in zip(self._fullest, self._rings, strict=True)]
        until = calls.produced()
        newer = self._drain_processes(processes.produced())
        batch = calls.drain(until)
        whole = len(batch) == 0 or calls.read_up_to(until)
        pending = self._pending + newer
        if whole:
            self._pending = []
        else:
            last = batch[-1][:8]
            bound = _TIMESTAMP.unpack(last)[0]
            self._pending = [record for record in pending if _time(record) > bound]
            pending = [record for record in pending if _time(record) <= bound]
        if pending:
            batch += pending
            batch.sort(key=_time)
        return batch

    def _drain_processes(self, goal: int) -> list[bytes]:
        """Return the process records up to *goal*; wait briefly for those that are still being written."""
        processes = self._rings[1]
        newer = processes.drain(limit=1 << 30)
        for _ in range(1000):
            if processes.read_up_to(goal):
                break
            os.sched_yield()
            newer += processes.drain(limit=1 << 30)
        return newer

    def fill(self) -> dict[str, float]:
        """Return the highest fill level of each ring since the last call, from 0 to 1."""
        names, most = ("calls", "processes"), self._fullest
        self._fullest = [0, 0]
        return {name: bytes_ / self._size for name, bytes_ in zip(names, most, strict=True)}

    def close(self) -> None:
        """Unmap the rings."""
        for ring in self._rings:
            ring.close()
        self._poll.close()


def _time(data: bytes) -> int:
    stamp: int = _TIMESTAMP.unpack_from(data)[0]
    return stamp

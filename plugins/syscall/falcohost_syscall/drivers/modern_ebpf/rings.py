"""The two rings of the probe, of calls and of processes, read in the order of time."""

from __future__ import annotations

import contextlib
import os
import select
import struct
from typing import Final

from falcohost_syscall.kernel.ring import Ring

_WAKE_SHARE: Final = 16  # as in bpf/scratch.bpf.h
#: What every record begins with.
_TIMESTAMP: Final = struct.Struct("=Q")


class Rings:
    """What the probe has written and nobody has read yet."""

    def __init__(self, calls: int, processes: int, size: int) -> None:
        """Read the rings that have these descriptors, of *size* bytes each."""
        self._rings = [Ring(fd, size) for fd in (calls, processes)]
        self._size = size
        self._fullest = [0, 0]
        self._pending: list[bytes] = []
        self._poll = select.epoll()
        for ring in self._rings:
            self._poll.register(ring.fd, select.EPOLLIN | select.EPOLLET)  # woken, not merely filled

    def wait(self, timeout: float) -> None:
        """Sleep until a sixteenth of a ring waits, or *timeout* seconds; only then is there much to read."""
        if any(ring.unread() >= self._size // _WAKE_SHARE for ring in self._rings):
            return
        with contextlib.suppress(InterruptedError):
            self._poll.poll(timeout)

    def read(self) -> list[bytes]:
        """Return the next records of both rings in the order of time; empty if there are none.

        The position of the calls is noted before the processes are read, so that a call is never handed out before the
        fork or exec that it follows; what is newer than the last call that fitted in this batch waits for the next.
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
        """Return the process records up to *goal*, waiting (not for long) for those that are still being written."""
        processes = self._rings[1]
        newer = processes.drain(limit=1 << 30)
        for _ in range(1000):
            if processes.read_up_to(goal):
                break
            os.sched_yield()
            newer += processes.drain(limit=1 << 30)
        return newer

    def fill(self) -> dict[str, float]:
        """Return how full each ring was at most when it was read, since the last call, from 0 to 1."""
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

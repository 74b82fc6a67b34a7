"""Reads the rings of a perf buffer, one for each processor, in order of time (perf_event_open(2))."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import time
from operator import attrgetter, itemgetter
from struct import Struct
from typing import Final

from falcohost import SourceError

#: An event of a perf buffer that a program writes: software event 10, with raw samples, told of at each.
_SOFTWARE, _BPF_OUTPUT, _SAMPLE_RAW = 1, 10, 1 << 10
_ATTRIBUTES: Final = Struct("=IIQQQQQIIQQQQIiQII")
_CLOEXEC: Final = 8
_CALL: Final = {"x86_64": 298, "aarch64": 241}
_ENABLE: Final = 0x2400
#: In the first page: how far the kernel has written, and how far it was read.
_HEAD_AT, _TAIL_AT = 1024 // 8, 1032 // 8
_HEADER: Final = Struct("=IHH")
_SAMPLE, _LOST = 9, 2
_SIZE: Final = Struct("=I")
_LOSS: Final = Struct("=QQ")
#: A record is visible at most so many nanoseconds after the time that it has.
_LATE: Final = 2_000_000
#: Most bytes that are read of a ring at a time.
_CHUNK: Final = 1 << 19
_TIME: Final = Struct("=Q")
_BY_TIME: Final = itemgetter(0)
_BY_USE: Final = attrgetter("used")

#: A record: its time (CLOCK_MONOTONIC), processor, and bytes.
RawRecord = tuple[int, int, bytes]
#: How far each ring is read or written, in bytes since it was made.
Position = tuple[int, ...]


class Part:
    """What was looked at of a ring.

    :ivar records: its records; *starts*: where each begins; *losses*: where it says that so many were lost.
    :ivar end: up to where it was looked at.
    :ivar is_cut: there is more of the time that was asked for.
    """

    def __init__(self, end: int, is_cut: bool) -> None:
        self.records: list[RawRecord] = []
        self.starts: list[int] = []
        self.losses: list[tuple[int, int]] = []
        self.end, self.is_cut = end, is_cut


class Ring:
    """The ring of one processor, of *size* bytes.

    :ivar descriptor: of the perf event; *lost*: number of records for which there was no room.
    :raises SourceError: the kernel refuses it.
    """

    def __init__(self, cpu: int, size: int) -> None:
        self.cpu, self.size = cpu, size
        self.descriptor = _opened(cpu)
        self.lost = 0
        try:
            self._map = mmap.mmap(self.descriptor, mmap.PAGESIZE + size, mmap.MAP_SHARED)
        except OSError as error:
            os.close(self.descriptor)
            raise SourceError(
                f"No memory for a ring of {size} bytes: {error.strerror}; lower buf_size_preset."
            ) from error
        self._words = memoryview(self._map)[: mmap.PAGESIZE].cast("Q")
        self._data = memoryview(self._map)[mmap.PAGESIZE :]

    @property
    def written(self) -> int:
        """The number of bytes that the kernel has written so far."""
        return self._words[_HEAD_AT]

    @property
    def read(self) -> int:
        """The number of those that were read."""
        return self._words[_TAIL_AT]

    @property
    def used(self) -> int:
        """The number of bytes that are not read."""
        return self.written - self.read

    def look(self, until: int | None) -> Part:
        """Return what was written up to the time *until*, or the beginning of that."""
        at, written = self.read, self.written
        head = min(written, at + _CHUNK)
        part = Part(at, head < written)
        while at < head:
            kind, _, length = _HEADER.unpack(self._bytes(at, _HEADER.size))
            if length < _HEADER.size:
                at = head
                break
            body = self._bytes(at + _HEADER.size, length - _HEADER.size)
            if kind == _SAMPLE and len(body) >= _SIZE.size + _TIME.size:
                (ts,) = _TIME.unpack_from(body, _SIZE.size)
                if until is not None and ts > until:
                    part.is_cut = False
                    break
                part.starts.append(at)
                part.records.append((ts, self.cpu, body[_SIZE.size : _SIZE.size + _SIZE.unpack_from(body)[0]]))
            elif kind == _LOST and len(body) >= _LOSS.size:
                part.losses.append((at, _LOSS.unpack_from(body)[1]))
            at += length
        part.end = at
        return part

    def take(self, part: Part, until: int | None) -> list[RawRecord]:
        """Return the records of *part* up to the time *until*; they are read then."""
        records, starts, end = part.records, part.starts, part.end
        while until is not None and records and records[-1][0] > until:
            records.pop()
            end = starts.pop()
        self.lost += sum(count for at, count in part.losses if at < end)
        self._words[_TAIL_AT] = end
        return records

    def _bytes(self, at: int, count: int) -> bytes:
        at %= self.size
        first = bytes(self._data[at : at + count])
        return first if len(first) == count else first + bytes(self._data[: count - len(first)])

    def close(self) -> None:
        """Let go of it."""
        self._words.release()
        self._data.release()
        self._map.close()
        os.close(self.descriptor)


class Rings:
    """The rings of all processors of *cpus*, each of *size* bytes."""

    def __init__(self, cpus: list[int], size: int) -> None:
        self.rings: list[Ring] = []
        self._most = 0.0
        try:
            for cpu in cpus:
                self.rings.append(Ring(cpu, size))
        except BaseException:
            self.close()
            raise

    @property
    def written(self) -> Position:
        """How far they are written."""
        return tuple(ring.written for ring in self.rings)

    def have_read(self, until: Position) -> bool:
        """Return whether they are read up to there."""
        return all(ring.read >= written for ring, written in zip(self.rings, until, strict=True))

    def pass_over(self, until: Position) -> int:
        """Read on up to there; return how many records that were."""
        count = 0
        for ring, written in zip(self.rings, until, strict=True):
            while ring.read < written:
                count += len(ring.take(ring.look(None), None))
        return count

    def records(self) -> list[RawRecord]:
        """Return the next records of all rings in order of time.

        Of the fullest ring so much is looked at that the others often have less in that time.
        """
        until = time.monotonic_ns() - _LATE if len(self.rings) > 1 else None
        parts: list[tuple[Ring, Part]] = []
        for ring in sorted(self.rings, key=_BY_USE, reverse=True):
            self._most = max(self._most, ring.used / ring.size)
            part = ring.look(until)
            if part.is_cut and part.records:  # what comes behind it in this ring is earlier than others' later records
                until = part.records[-1][0] if until is None else min(until, part.records[-1][0])
            parts.append((ring, part))
        found: list[RawRecord] = []
        for ring, part in parts:
            found += ring.take(part, until)
        found.sort(key=_BY_TIME)
        return found

    @property
    def lost(self) -> int:
        """The number of records for which there was no room."""
        return sum(ring.lost for ring in self.rings)

    @property
    def is_filling(self) -> bool:
        """Whether so much is waiting in a ring that it is better read at once."""
        return any(ring.used > ring.size >> 4 for ring in self.rings)

    def fill(self) -> dict[str, float]:
        """Return the highest fill level of a ring since the last call."""
        most, self._most = self._most, 0.0
        return {"ring": most}

    def close(self) -> None:
        """Let go of all."""
        for ring in self.rings:
            ring.close()
        self.rings.clear()


def _opened(cpu: int) -> int:
    """Return the descriptor of a perf event that a program may write to on this processor."""
    attributes = ctypes.create_string_buffer(
        _ATTRIBUTES.pack(_SOFTWARE, 112, _BPF_OUTPUT, 1, _SAMPLE_RAW, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    )
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(_CALL[platform.machine()], attributes, -1, cpu, -1, _CLOEXEC)
    if descriptor < 0 or libc.ioctl(descriptor, _ENABLE, 0) < 0:
        raise SourceError(f"The kernel refuses a perf buffer on processor {cpu}: {os.strerror(ctypes.get_errno())}.")
    return int(descriptor)

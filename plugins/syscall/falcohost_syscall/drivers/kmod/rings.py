"""Reads the rings of Falco's kernel module, one for each processor, in order of time.

The module writes at the head; moving the tail gives space back. The data is mapped twice in a row, so that what goes
over the end of a ring is in one piece.

Head and tail are in one page, and the module believes what is there: who may write to it could have the kernel write
anywhere. So the reader only reads, and writes into memory of the agent's how far it came (:class:`.tails.Tails`).
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from struct import Struct
from typing import Final

from falcohost.lasting import Memory
from falcohost_syscall.drivers.kmod.interface import counters
from falcohost_syscall.drivers.kmod.mapped import ReadOnly

#: An event: its time, the thread, the size with this header, type and number of parameters.
_HEAD: Final = Struct("=QqIHI")
HEADER: Final = _HEAD.size
#: Head and tail are the first two numbers of 32 bits; what follows are counters.
HEAD_AT, TAIL_AT, _COUNTERS_AT = 0, 1, 1
#: Most bytes that are copied from a ring at a time.
_CHUNK: Final = 1 << 19
#: An event is visible at most so many nanoseconds after the time that it has. Later ones are left for the next time,
#: since another processor may not have written yet what happened before; a time further ahead means that somebody has
#: set the clock.
_LATE: Final = 2_000_000
_AHEAD: Final = 1_000_000_000
_BY_TIME: Final = itemgetter(0)
_BY_USE: Final = attrgetter("waiting")


#: An event: its time, processor, thread and type; where its parameters begin and end in the data, behind their lengths;
#: how many there are.
RawEvent = tuple[int, int, int, int, bytes, int, int, int]
#: How far each ring is read: a number of bytes since the driver was started, by the ring's place.
Position = tuple[int, ...]


class Ring:
    """The ring of one processor.

    :param data: what the module writes, twice in a row; *info*: head, tail and counters.
    :param memory: where the tail is told, in the word of this *number*.
    :ivar size: its size in bytes, a power of two.
    :ivar read: the number of bytes that were read; *released*: those whose space was given back.
    :ivar corrupt: how often it had something that is no event.
    """

    def __init__(self, cpu: int, data: memoryview, info: memoryview, api: int, memory: Memory, number: int) -> None:
        self.cpu = cpu
        self.size = len(data) // 2
        self._memory, self._number = memory, number
        self._names = counters(api)
        self._data = data
        self._words, self._counters = info.cast("I"), info.cast("Q")
        self.read = self.released = 0
        self.corrupt = 0
        self._tail = memory.word(number) & (self.size - 1)

    @property
    def used(self) -> int:
        """The number of bytes that were written and whose space was not given back."""
        return (self._words[HEAD_AT] - self._words[TAIL_AT]) & (self.size - 1)

    @property
    def _at(self) -> int:
        return (self._tail + self.read - self.released) & (self.size - 1)

    @property
    def waiting(self) -> int:
        """The number of bytes that are written and not read."""
        return (self._words[HEAD_AT] - self._at) & (self.size - 1)

    def chunk(self) -> bytes:
        """Return what is written and not read, or the beginning of it."""
        at, size = self._at, self.waiting
        return bytes(self._data[at : at + min(size, _CHUNK)]) if size else b""

    def release(self, read: int) -> None:
        """Give back the space of the first *read* bytes."""
        if read > self.released:
            self._tail = (self._tail + read - self.released) & (self.size - 1)
            self._memory.set_word(self._number, self._tail)
            self.released = read

    def skip(self) -> None:
        """Pass over all that is written: something in it is no event."""
        self.corrupt += 1
        self.read += self.waiting

    def counts(self) -> dict[str, int]:
        """Return the counters by name."""
        return {name: self._counters[_COUNTERS_AT + place] for place, name in enumerate(self._names)}

    def close(self) -> None:
        """Stop reading."""
        for view in (self._words, self._counters):
            view.release()


class Rings:
    """The rings of all processors."""

    def __init__(self, rings: Sequence[Ring], mapped: Sequence[ReadOnly] = ()) -> None:
        self._rings, self._mapped = rings, mapped
        self._most = 0.0

    @classmethod
    def of(cls, descriptors: Mapping[int, int], size: int, api: int, memory: Memory) -> Rings:
        """Return the rings of *size* bytes of these devices, by processor; they stay when the devices are closed."""
        rings, mapped = [], []
        for number, (cpu, descriptor) in enumerate(descriptors.items(), 1):
            data, info = (ReadOnly(descriptor, length) for length in (2 * size, mmap.PAGESIZE))
            mapped += [data, info]
            rings.append(Ring(cpu, data.view, info.view, api, memory, number))
        return cls(rings, mapped)

    @property
    def position(self) -> Position:
        """How far they are read."""
        return tuple(ring.read for ring in self._rings)

    @property
    def waiting(self) -> Position:
        """How far they are written."""
        return tuple(ring.read + ring.waiting for ring in self._rings)

    @property
    def held(self) -> float:
        """The largest share of a ring that was read and not given back."""
        return max((ring.read - ring.released) / ring.size for ring in self._rings)

    @property
    def corrupt(self) -> int:
        """How often a ring had something that is no event."""
        return sum(ring.corrupt for ring in self._rings)

    def release(self, position: Position) -> None:
        """Give back the space of what was read up to *position*."""
        for ring, read in zip(self._rings, position, strict=True):
            ring.release(read)

    def fill(self) -> dict[str, float]:
        """Return the highest fill level of a ring since the last call."""
        most, self._most = self._most, 0.0
        return {"ring": most}

    def events(self) -> list[RawEvent]:
        """Return the next events of all rings in order of time.

        Of the fullest ring so much is looked at that the others often have less in that time.
        """
        now = time.time_ns()
        until = now - _LATE if len(self._rings) > 1 else None
        parts: list[_Part] = []
        for ring in sorted(self._rings, key=_BY_USE, reverse=True):
            self._most = max(self._most, ring.used / ring.size)
            part = _Part(ring, until, now + _AHEAD)
            if part.is_cut and until is not None and part.events:
                until = min(until, part.events[-1][0])  # behind it are earlier events than others' later ones
            parts.append(part)
        found: list[RawEvent] = []
        for part in parts:
            found += part.take(until)
        if len(self._rings) > 1:
            found.sort(key=_BY_TIME)
        return found

    def have_read(self, until: Position) -> bool:
        """Return whether they are read up to there."""
        return all(read >= written for read, written in zip(self.position, until, strict=True))

    def pass_over(self, until: Position) -> int:
        """Read on up to there; return how many events that were."""
        count = 0
        for ring, written in zip(self._rings, until, strict=True):
            while ring.read < written:
                count += len(_Part(ring, None, 0).take(None))
        return count

    def counts(self) -> dict[str, int]:
        """Return the sums of the counters by name."""
        found: dict[str, int] = {}
        for ring in self._rings:
            for name, count in ring.counts().items():
                found[name] = found.get(name, 0) + count
        return found

    @property
    def is_filling(self) -> bool:
        """Whether so much is waiting in a ring that it is better read at once."""
        return any(ring.used > ring.size >> 4 for ring in self._rings)

    def close(self) -> None:
        """Stop reading."""
        for ring in self._rings:
            ring.close()
        for one in self._mapped:
            one.close()


class _Part:
    """What was looked at of *ring*: its next events up to the time *until*.

    :param ahead: an event after this time has the time of another clock.
    :ivar is_cut: there is more of the time that was asked for.
    """

    def __init__(self, ring: Ring, until: int | None, ahead: int) -> None:
        self._ring, self._ahead = ring, ahead
        self.events: list[RawEvent] = []
        data, cpu, at, head, add = ring.chunk(), ring.cpu, 0, _HEAD.unpack_from, self.events.append
        size = len(data)
        self._whole = True
        self.is_cut = size == _CHUNK
        while at < size:
            ts, tid, length, code, count = head(data, at) if at + HEADER <= size else (0, 0, 0, 0, 0)
            end = at + length
            if length < HEADER or end > size:
                # The rest of this event comes next time; else the module's head is wrong.
                self._whole = self.is_cut and at > 0
                break
            if until is not None and until < ts < ahead:
                self.is_cut = False
                break
            add((ts, cpu, tid, code, data, at + HEADER, end, count))
            at = end
        self._end = at

    def take(self, until: int | None) -> list[RawEvent]:
        """Return the events up to the time *until*; they are read then."""
        events, ring = self.events, self._ring
        while until is not None and events and until < events[-1][0] < self._ahead:
            self._end, self._whole = events.pop()[5] - HEADER, True
        ring.read += self._end
        if not self._whole:
            ring.skip()
        return events

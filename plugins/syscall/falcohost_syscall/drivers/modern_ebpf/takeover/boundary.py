"""Where the reader of one probe has ended, for the reader of the next one: so each event is told once by one of them.

While both probes are attached, each has a record of each event, whose times differ by moments. Those before the last
one that the former reader has told of are told; of those close to it the former reader leaves digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

from falcohost.digest import blake2b
from falcohost.lasting import Memory
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import COMM, FLAGS, KIND
from falcohost_syscall.drivers.modern_ebpf.decoding.record_facts import RecordFacts
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.records.record import HEADER, KIND_CALL

#: How many records are remembered at most, and how far two records of one event may be apart, in nanoseconds.
MOST: Final = 28
APART: Final = 100_000
#: Words of a journal's memory: the time of the last record, how many are remembered, and the digest and time of each.
_UNTIL, _COUNT, _FIRST = 3, 4, 5


def note(memory: Memory, until: int) -> None:
    """Take note that events up to this time, in nanoseconds since boot, are told."""
    memory.set_word(_UNTIL, until)
    memory.set_word(_COUNT, 0)


def remember(memory: Memory, records: Sequence[bytes]) -> None:
    """Remember the last *records*, if all of them are told."""
    headers = [header for data in records if (header := HEADER.unpack_from(data))[KIND] == KIND_CALL][-MOST:]
    if not headers or HEADER.unpack_from(records[-1])[0] != memory.word(_UNTIL):
        return
    for number, header in enumerate(headers):
        memory.set_word(_FIRST + 2 * number, _digest(header))
        memory.set_word(_FIRST + 2 * number + 1, header[0])
    memory.set_word(_COUNT, len(headers))


class Told:
    """What the reader of another probe has told of, by the memory of its journal."""

    def __init__(self, memory: Memory) -> None:
        self._until = memory.word(_UNTIL)
        self._last: dict[int, list[int]] = {}
        for number in range(min(memory.word(_COUNT), MOST)):
            digest, time = (memory.word(_FIRST + 2 * number + word) for word in (0, 1))
            self._last.setdefault(digest, []).append(time)

    def is_past(self, time: int) -> bool:
        """Return whether what happens after this *time* cannot be told yet."""
        return time > self._until + APART

    def left_of(self, events: Iterable[SyscallEvent]) -> Iterable[SyscallEvent]:
        """Yield those of *events* that are not told."""
        return (event for event in events if not self._has(cast(RecordFacts, event).h))

    def _has(self, header: Sequence[int]) -> bool:
        time = header[0]
        if abs(time - self._until) <= 100 * APART:
            times = self._last.get(_digest(header), ())
            nearest = min(times, key=lambda one: abs(one - time), default=None)
            if nearest is not None and abs(nearest - time) <= APART:
                self._last[_digest(header)].remove(nearest)
                return True
        return time <= self._until


def _digest(header: Sequence[object]) -> int:
    """Return a digest of what is the same in the records that two probes have of an event."""
    same = repr((*header[1:FLAGS], header[COMM]))
    return int.from_bytes(blake2b(same.encode(), digest_size=8).digest(), "little")

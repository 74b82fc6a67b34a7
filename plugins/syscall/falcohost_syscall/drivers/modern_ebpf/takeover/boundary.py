"""Where the reader of one probe has ended, for the reader of the next one: so each event is told once by one of them.

While both probes are attached, each has a record of each event, whose times differ by moments; more, where a processor
was taken away in between. What happened well before the last one that the former reader has told of is told. Of those
close to it the former reader leaves digests, which decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

from falcohost.digest import blake2b
from falcohost.lasting import Memory
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import COMM, CPU, KIND
from falcohost_syscall.drivers.modern_ebpf.decoding.record_facts import RecordFacts
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.records.record import HEADER, KIND_CALL, KIND_EXEC, KIND_EXIT

#: How many records are remembered at most.
MOST: Final = 120
#: How far two records of one event may be apart at most, and how far they mostly are not, in nanoseconds.
APART: Final = 10_000_000
MOSTLY: Final = 1_000_000

#: The kinds of records that are events.
_EVENTS: Final = frozenset({KIND_CALL, KIND_EXEC, KIND_EXIT})

# Words of a journal's memory: the time of the last record, how many are remembered, the time from which all are, and
# the digest and time of each. Then the same of the reader of the probe before.
_UNTIL, _COUNT, _SINCE, _FIRST = range(4)
_WORDS: Final = _FIRST + 2 * MOST
_OWN: Final = 3
_BEFORE: Final = _OWN + _WORDS


def note(memory: Memory, until: int) -> None:
    """Take note that events up to this time, in nanoseconds since boot, are told."""
    memory.set_word(_OWN + _UNTIL, until)
    memory.set_word(_OWN + _COUNT, 0)


def remember(memory: Memory, records: Sequence[bytes]) -> None:
    """Remember the last *records*, which are all there were since the first of them, if all of them are told."""
    headers = [HEADER.unpack_from(data) for data in records[-MOST:]]
    if not headers or headers[-1][0] != memory.word(_OWN + _UNTIL):
        return
    events = [header for header in headers if header[KIND] in _EVENTS]
    for number, header in enumerate(events):
        memory.set_word(_OWN + _FIRST + 2 * number, _digest(header))
        memory.set_word(_OWN + _FIRST + 2 * number + 1, header[0])
    memory.set_word(_OWN + _SINCE, headers[0][0])
    memory.set_word(_OWN + _COUNT, len(events))


def hand_on(former: Memory, memory: Memory) -> None:
    """Note in the *memory* of a probe's journal where the reader of the *former* one has ended."""
    for word in reversed(range(_WORDS)):  # the time, by which it is there, comes last
        memory.set_word(_BEFORE + word, former.word(_OWN + word))


def told_before(memory: Memory) -> Told | None:
    """Return what the reader of the probe before has told of; None if there was none."""
    return Told(memory) if memory.word(_BEFORE + _UNTIL) else None


class Told:
    """What the reader of the probe before has told of, by the memory of a journal."""

    def __init__(self, memory: Memory) -> None:
        self._until = memory.word(_BEFORE + _UNTIL)
        self._whole = self._until
        self._last: dict[int, list[int]] = {}
        if count := min(memory.word(_BEFORE + _COUNT), MOST):
            self._whole = max(self._until - APART, memory.word(_BEFORE + _SINCE) + MOSTLY)
        for number in range(count):
            digest, time = (memory.word(_BEFORE + _FIRST + 2 * number + word) for word in (0, 1))
            self._last.setdefault(digest, []).append(time)

    def is_past(self, time: int) -> bool:
        """Return whether what happens after this *time* cannot be told yet."""
        return time > self._until + APART

    def left_of(self, events: Iterable[SyscallEvent]) -> Iterable[SyscallEvent]:
        """Yield those of *events* that are not told."""
        return (event for event in events if not self._has(cast(RecordFacts, event).h))

    def _has(self, header: Sequence[int]) -> bool:
        time = header[0]
        if abs(time - self._until) <= APART:
            times = self._last.get(_digest(header), ())
            nearest = min(times, key=lambda one: abs(one - time), default=None)
            if nearest is not None and abs(nearest - time) <= APART:
                self._last[_digest(header)].remove(nearest)
                return True
        return time <= min(self._until, self._whole)


def _digest(header: Sequence[object]) -> int:
    """Return a digest of what is the same in the records that two probes have of an event."""
    same = repr((*header[1:CPU], header[COMM]))
    return int.from_bytes(blake2b(same.encode(), digest_size=8).digest(), "little")

"""Keeps the last events in memory, as bytes of a capture, so that a capture can begin before the alert.

A capture that begins with any of them needs what a file begins with as of then. So they are kept in segments, each of
which begins with that; the oldest segment is dropped as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from falcohost.recording import Recorder

#: A segment has this part of the time and of the memory.
_PART: Final = 4
_SECOND: Final = 1_000_000_000
#: Most seconds for which the first list of what runs takes the worker's time; the rest is told when it does something.
LISTING: Final = 0.3


class _Segment:
    """Events since *first*, behind what a file begins with.

    :ivar last: the time of its newest event; *size*: its bytes.
    """

    __slots__ = ("begin", "events", "first", "last", "size")

    def __init__(self, begin: bytes, first: int) -> None:
        self.begin = begin
        self.first = self.last = first
        self.size = len(begin)
        self.events: list[bytes] = []


class Before:
    """The events of the last *seconds* that have room in *memory* bytes.

    :ivar crowded: segments that were dropped before their time because there was no room.
    """

    def __init__(self, recorder: Recorder, seconds: float, memory: int) -> None:
        self.crowded = 0
        self._recorder = recorder
        self._span = int(seconds * _SECOND)
        self._memory = memory
        self._segments: deque[_Segment] = deque()
        self._size = 0

    def add(self, ts: int, data: bytes) -> None:
        """Keep an event that the recorder has just recorded."""
        segment = self._segments[-1] if self._segments else None
        if segment is None:
            segment = self.next(ts)
        segment.events.append(data)
        segment.size += len(data)
        segment.last = max(ts, segment.last)
        self._size += len(data)

    def is_due(self, ts: int) -> bool:
        """Return whether an event at *ts* is to begin a segment, which is done before it is recorded."""
        if not self._segments:
            return True
        segment = self._segments[-1]
        return ts - segment.first > self._span // _PART or segment.size > self._memory // _PART

    def next(self, ts: int) -> _Segment:
        """Begin a segment with what the recorder knows now; drop what is too old, or has no room."""
        segment = _Segment(self._recorder.begin(within=LISTING), ts)
        self._segments.append(segment)
        self._size += segment.size
        while len(self._segments) > 1 and (
            self._segments[0].last < ts - self._span or self._size > self._memory - self._memory // _PART
        ):
            dropped = self._segments.popleft()
            self._size -= dropped.size
            self.crowded += dropped.last >= ts - self._span
        return segment

    def taken(self) -> Iterator[bytes]:
        """Yield what a file begins with, then its events; nothing is kept then."""
        for place, segment in enumerate(self._segments):
            if place == 0:
                yield segment.begin
            yield from segment.events
        self._segments.clear()
        self._size = 0

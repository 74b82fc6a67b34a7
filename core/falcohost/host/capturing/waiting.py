"""Keeps what happens while a match waits for a lookup, as bytes of a capture that begins if it becomes an alert."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from falcohost.recording import Recorder

#: Seconds after which no match waits any more; it is more than a lookup may take.
LONGEST: Final = 3.0
#: Most bytes that are kept; further events are counted.
MOST: Final = 1 << 22


class Waiting:
    """The events since a match began to wait, behind a beginning without what runs: that would take too long.

    :param recorder: one that knows nothing; whoever goes on with the capture goes on with it.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.begin = recorder.begin(within=0.0)
        self._events: list[bytes] = []
        self._size = self._left_out = 0
        self._matches: set[str] = set()
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing can wait for an answer any more."""
        return time.monotonic() > self._until

    @property
    def is_full(self) -> bool:
        """Whether no more events are kept."""
        return self._size > MOST

    def may_match(self, key: str) -> None:
        """Take note that the event with this key, which was kept last, waits."""
        self._matches.add(key)
        self._until = time.monotonic() + LONGEST

    def has(self, key: str) -> bool:
        """Return whether this event waits."""
        return key in self._matches

    def keep(self, event: Any) -> None:
        """Keep an event."""
        if self.is_full:
            self._left_out += 1
            return
        data = self.recorder.record(event)
        self._events.append(data)
        self._size += len(data)

    def taken(self, ts: int) -> Iterator[bytes]:
        """Yield the events, and what tells at *ts* how many were left out."""
        yield from self._events
        if self._left_out:
            yield self.recorder.lost(ts, self._left_out)

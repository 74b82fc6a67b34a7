"""Reads events in JSON from a file, one on each line, as a source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from falcohost import Batch, Plan, SourceError, SourceStats
from falcohost_syscall.recorded.check import checked
from falcohost_syscall.recorded.event import RecordedContext, RecordedEvent


class RecordedSource:
    """The events in the file at *path* (:class:`~falcohost.Source`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._passed = 0
        self._dropped: dict[str, int] = {}

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Do nothing: the file is read by :meth:`batches`, and all events are passed."""

    def batches(self) -> Iterator[Batch]:
        """Yield the events.

        :raises SourceError: the file cannot be read.
        """
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError as error:
            raise SourceError(f"{self._path} cannot be read: {error.strerror}") from None
        yield Batch(self._events(lines), views=True)

    def _events(self, lines: list[bytes]) -> Iterator[RecordedEvent]:
        context = RecordedContext()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            event = self._event(line, number, context)
            if event is not None:
                self._passed += 1
                yield event

    def _event(self, line: bytes, number: int, context: RecordedContext) -> RecordedEvent | None:
        try:
            data, *views = checked(json.loads(line))
        except (ValueError, RecursionError) as error:
            self._dropped[f"event {number}: {error}"] = 1
            return None
        event = RecordedEvent(data, number, context)
        event.alternatives = [RecordedEvent(view, number, context) for view in views]
        return event

    def update(self, plan: Plan) -> None:
        """Do nothing: all events are passed."""

    def ack(self, cursor: str) -> None:
        """Do nothing: the source has no cursor."""

    def stats(self) -> SourceStats:
        """Return the counters."""
        dropped = sum(self._dropped.values())
        return SourceStats(received=self._passed + dropped, passed=self._passed, dropped=self._dropped)

    def close(self) -> None:
        """Do nothing: nothing is open."""

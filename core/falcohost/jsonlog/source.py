"""The event source of a JSON log: from the texts of its input to events, with what the rules need decoded.

A text is decoded in one go where everything in it is as expected. Where anything is not, its records are cut apart and
each is decoded by itself, so that what cannot be read is counted and the others are served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Protocol

import msgspec

from falcohost.events import Batch, Plan
from falcohost.jsonlog.decode import MALFORMED, whole_record
from falcohost.jsonlog.event import Context, JsonEvent, Text
from falcohost.jsonlog.harmless import harmless
from falcohost.jsonlog.inputs import Input, Texts
from falcohost.jsonlog.log import JsonLog, Record
from falcohost.jsonlog.projection import make_projection
from falcohost.jsonlog.refusals import TOO_LARGE, Refusals, Refused
from falcohost.stats import SourceStats

#: What stands in the way of a decoder that expects something.
_ODD = (msgspec.ValidationError, *MALFORMED, RecursionError)


class Memory(Protocol):
    """What a source remembers over several events; getters find it as ``event.context.memory``."""

    def see(self, event: JsonEvent) -> None:
        """Take note of *event*, of which what the log's ``skip_reads`` name is decoded, before it is matched."""


class JsonSource:
    """Reads the *log* that *given* delivers; *memory* sees each event, for fields that count over several.

    *planned* is called with each plan, for an input that can leave out what no rule wants.
    """

    def __init__(
        self, log: JsonLog, given: Input, memory: Memory | None = None, planned: Callable[[Plan], None] | None = None
    ) -> None:
        self._log = log
        self._skip = None if log.skip is None else harmless(log.skip, f"source '{log.source}': skip")
        self._see = None if memory is None else harmless(memory.see, f"source '{log.source}': its memory")
        self._input = given
        self._planned = planned
        self._context = Context(log, memory)
        self._refusals = Refusals()
        self._projection = make_projection(log, None)
        self._passed = 0

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Open the input where *cursor* says.

        :raises SourceError: it cannot be opened.
        """
        self.update(plan)
        self._input.open(self._refusals, cursor)

    def batches(self) -> Iterator[Batch]:
        """Yield the events of the input's texts."""
        for texts in self._input.texts():
            yield Batch(self._events(texts) if texts.items else (), texts.cursor)

    def update(self, plan: Plan) -> None:
        """Decode what *plan* needs from the next text on."""
        self._projection = make_projection(self._log, plan.condition, plan.also_read)
        if self._planned is not None:
            self._planned(plan)

    def ack(self, cursor: str) -> None:
        """Tell the input that all alerts up to *cursor* are stored."""
        self._input.ack(cursor)

    def stats(self) -> SourceStats:
        """Return how many records were read, and how many were left out for which cause."""
        dropped = dict(self._refusals.counts)
        return SourceStats(self._passed + sum(dropped.values()), self._passed, dropped, done=self._input.done)

    def close(self) -> None:
        """Close the input."""
        self._input.close()

    def _events(self, texts: Texts) -> Iterator[JsonEvent]:
        for offset, data in texts.items:
            if len(data) > self._input.limits.record and data.count(b"{") > self._input.limits.objects:
                self._refusals.add(TOO_LARGE, f"{texts.origin.name}, byte {offset}")
                continue
            text = Text(self._context, texts.origin, offset, data)
            records = self._decoded(data)
            events: Iterable[JsonEvent] = self._each(text) if records is None else self._all(text, records)
            if self._context.start_ts is None or self._see is not None:
                events = self._noted(events)
            yield from events

    def _decoded(self, data: bytes) -> list[Record] | None:
        """Return what the rules need of all records of *data*; None where each has to be looked at by itself."""
        if len(data) > self._input.limits.record:
            return None
        try:
            return self._projection.all(data)
        except _ODD:
            return None

    def _all(self, text: Text, records: list[Record]) -> Iterable[JsonEvent]:
        indexes: Iterable[int] = range(len(records))
        causes = self._causes(records)
        if any(causes):
            for index, cause in enumerate(causes):
                if cause is not None:
                    self._refusals.add(cause, JsonEvent(records[index], 0, text, index))
            indexes = [index for index, cause in enumerate(causes) if cause is None]
            records = [records[index] for index in indexes]
        numbers = range(self._passed + 1, self._passed + 1 + len(records))
        self._passed += len(records)
        return map(JsonEvent, records, numbers, repeat(text), indexes, repeat(self._projection.is_whole))

    def _causes(self, records: list[Record]) -> list[str | None]:
        """Return for each of *records* why it is left out; nothing where the log leaves none out."""
        if self._log.skip is None or self._skip is None:
            return []
        try:
            if self._log.keeps is not None and self._log.keeps(records):
                return []
            return list(map(self._log.skip, records))
        except Exception:  # which is told when each is asked by itself
            return list(map(self._skip, records))

    def _each(self, text: Text) -> Iterator[JsonEvent]:
        for index, piece in enumerate(text.pieces(self._refuser(text))):
            try:
                if len(piece.raw) > self._input.limits.record:
                    raise Refused(TOO_LARGE)
                record, is_whole = self._record(piece.raw)
                if self._skip is not None and (cause := self._skip(record)) is not None:
                    raise Refused(cause)
            except Refused as refused:
                self._refusals.add(str(refused), f"{text.origin.name}, byte {piece.offset}")
                continue
            self._passed += 1
            yield JsonEvent(record, self._passed, text, index, is_whole)

    def _refuser(self, text: Text) -> Callable[[str, int], None]:
        return lambda cause, offset: self._refusals.add(cause, f"{text.origin.name}, byte {offset}")

    def _noted(self, events: Iterable[JsonEvent]) -> Iterator[JsonEvent]:
        for event in events:
            if self._context.start_ts is None:
                self._context.start_ts = event.ts
            if self._see is not None:
                self._see(event)
            yield event

    def _record(self, raw: bytes) -> tuple[Record, bool]:
        """Decode what the rules need of *raw*, or all of it; tell whether it is all."""
        try:
            return self._projection.one(raw), self._projection.is_whole
        except _ODD:
            return whole_record(raw), True

"""The event source of a JSON log: turns the texts of its input into events.

A text is decoded at once if everything in it is as expected. Otherwise its records are split and decoded one by one, so
that records that cannot be read are counted and the others are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Protocol

import msgspec

from falcohost.events import AwaitingSource, Batch, Plan
from falcohost.jsonlog.decode import MALFORMED, whole_record
from falcohost.jsonlog.event import Context, JsonEvent, Text
from falcohost.jsonlog.files import FileInput
from falcohost.jsonlog.harmless import harmless
from falcohost.jsonlog.inputs import Input, Texts
from falcohost.jsonlog.log import JsonLog, Record
from falcohost.jsonlog.projection import Projection, make_projection
from falcohost.jsonlog.refusals import TOO_LARGE, Refusals, Refused
from falcohost.needs import Needs, needs_of
from falcohost.stats import SourceStats

#: What the projecting decoder raises for unexpected records.
_ODD = (msgspec.ValidationError, *MALFORMED, RecursionError)


#: Values in a document for each object that it may hold; records have several, but not all of them one byte long.
_VALUES = 4


class Memory(Protocol):
    """Data that a source remembers over several events; getters read it as ``event.context.memory``."""

    def see(self, event: JsonEvent) -> None:
        """Process *event* before it is matched; only the paths in the log's ``skip_reads`` are sure to be decoded."""


class JsonSource:
    """Reads *log* from the input *given*.

    :param memory: sees each event, for fields that count over several events.
    :param planned: called with each plan, for an input that can leave out records that no rule wants.
    """

    def __init__(
        self, log: JsonLog, given: Input, memory: Memory | None = None, planned: Callable[[Plan], None] | None = None
    ) -> None:
        self._log = log
        self._skip = None if log.skip is None else harmless(log.skip, f"source '{log.source}': skip")
        self._memory = memory
        self._see = None if memory is None else harmless(memory.see, f"source '{log.source}': its memory")
        self._input = given
        self._planned = planned
        self._context = Context(log, memory)
        self._refusals = Refusals()
        self._unwrap = harmless(log.unwrap or (lambda record: None), f"source '{log.source}': unwrap")
        self._projection = make_projection(log, None)
        self._passed = 0

    @property
    def needs(self) -> Needs:
        """Return what its input needs."""
        return needs_of(self._input)

    def reading(self, path: Path) -> JsonSource:
        """Return a source of the same log that reads the file at *path* once; the input of this one is not used.

        It must not be opened.
        """
        files = FileInput([path], self._log.plugin, (), False, self._input.limits)
        return JsonSource(self._log, files, self._memory)

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Open the input, resuming after *cursor*.

        :raises SourceError: it cannot be opened.
        """
        self.update(plan)
        self._input.open(self._refusals, cursor)

    def batches(self) -> Iterator[Batch]:
        """Yield the events of the input's texts."""
        for texts in self._input.texts():
            events = self._events(texts) if texts.items else ()
            yield Batch(events, texts.cursor, more=texts.more, fleeting=texts.fleeting)

    def update(self, plan: Plan) -> None:
        """Decode the fields that *plan* needs, from the next text on."""
        self._projection = make_projection(self._log, plan.condition, plan.also_read)
        if self._planned is not None:
            self._planned(plan)

    def ack(self, cursor: str) -> None:
        """Tell the input that all alerts up to *cursor* are stored."""
        self._input.ack(cursor)

    def stored_at(self, descriptor: Callable[[], int | None]) -> None:
        """Pass on by which descriptor an input notices that something is stored, if it has senders wait for that."""
        if isinstance(self._input, AwaitingSource):
            self._input.stored_at(descriptor)

    def stats(self) -> SourceStats:
        """Return the numbers of records read and skipped, by cause."""
        dropped = dict(self._refusals.counts)
        return SourceStats(
            self._passed + sum(dropped.values()),
            self._passed,
            dropped,
            done=self._input.done,
            turned_away=dict(self._refusals.turned_away),
        )

    def close(self) -> None:
        """Close the input."""
        self._input.close()

    def _events(self, texts: Texts) -> Iterator[JsonEvent]:
        for (offset, data), raws in zip(texts.items, texts.raws or repeat(None), strict=False):
            if len(data) > self._input.limits.record and self._has_too_many(data):
                self._refusals.add(TOO_LARGE, f"{texts.origin.name}, byte {offset}")
                continue
            projection = self._projection  # which a new plan replaces, perhaps amid these records
            text = Text(self._context, texts.origin, offset, data, projection, is_cut_off=texts.is_cut_off, raws=raws)
            records = self._decoded(data, projection)
            wraps = records is None and self._may_wrap(data)
            events: Iterable[JsonEvent] = self._each(text, wraps=wraps) if records is None else self._all(text, records)
            if self._context.start_ts is None or self._see is not None:
                events = self._noted(events)
            yield from events

    def _has_too_many(self, data: bytes) -> bool:
        """Return whether *data* holds more records, or more values that could be taken for records, than it may."""
        most = self._input.limits.objects
        return data.count(b"{") > most or data.count(b",") > _VALUES * most

    def _decoded(self, data: bytes, projection: Projection) -> list[Record] | None:
        """Decode all records of *data* as far as rules need; None if they have to be decoded one by one."""
        if len(data) > self._input.limits.record:
            return None
        try:
            records = projection.all(data)
        except _ODD:
            return None
        if self._log.unwrap_marks and not self._keeps(records) and self._may_wrap(data):
            return None
        return records

    def _keeps(self, records: list[Record]) -> bool:
        """Return whether all of *records* are surely events, as they are; it is faster than looking at each."""
        try:
            return self._log.keeps is not None and self._log.keeps(records)
        except Exception:  # logged when each is tried alone
            return False

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
        return map(JsonEvent, records, numbers, repeat(text), indexes, repeat(text.projection.is_whole))

    def _causes(self, records: list[Record]) -> list[str | None]:
        """Return for each of *records* why it is skipped, or None; empty if none is."""
        if self._log.skip is None or self._skip is None:
            return []
        if self._keeps(records):
            return []
        try:
            return list(map(self._log.skip, records))
        except Exception:  # logged when each is tried alone
            return list(map(self._skip, records))

    def _each(self, text: Text, *, wraps: bool) -> Iterator[JsonEvent]:
        for index, piece in enumerate(text.pieces(self._refuser(text))):
            try:
                if len(piece.raw) > self._input.limits.record:
                    raise Refused(TOO_LARGE)
                record, is_whole = self._unwrapped(piece.raw) if wraps else _record(piece.raw, text.projection)
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

    def _may_wrap(self, data: bytes) -> bool:
        return any(mark in data for mark in self._log.unwrap_marks)

    def _unwrapped(self, raw: bytes) -> tuple[Record, bool]:
        """Decode *raw* completely; return the record that it contains, or else itself."""
        record = whole_record(raw)
        return self._unwrap(record) or record, True


def _record(raw: bytes, projection: Projection) -> tuple[Record, bool]:
    """Decode *raw* as far as rules need, or completely; return also whether it is complete."""
    try:
        return projection.one(raw), projection.is_whole
    except _ODD:
        return whole_record(raw), True

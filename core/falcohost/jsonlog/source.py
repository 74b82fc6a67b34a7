"""The event source of a JSON log: turns the texts of its input into events.

A text is decoded at once if everything in it is as expected. Otherwise its records are split and decoded one by one, so
that records that cannot be read are counted and the others are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise, repeat
from pathlib import Path
from typing import Protocol

import msgspec

from falcohost.events import AwaitingSource, Batch, Plan
from falcohost.jsonlog.apart import Lists, places
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
        self._lists = Lists(log.wrappers, log.heads)
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
        return chain.from_iterable(map(self._of_text, repeat(texts), range(len(texts.items))))

    def _of_text(self, texts: Texts, place: int) -> Iterator[JsonEvent]:
        offset, data = texts.items[place]
        if self._is_too_large(texts, place):
            return
        projection = self._projection  # which a new plan replaces, perhaps amid these records
        done = begin = 0  # how many of its records are passed on, and where the next one begins
        if (head := self._head(data, projection)) is not None:
            text, decode = self._text(texts, offset, data, projection), projection.usual[head[0]]
            found, whole, number = places(data, *head), memoryview(data), self._passed
            text.lie_at(found)
            try:
                for done, (begin, end) in enumerate(pairwise(found)):
                    record = decode(whole[begin : end - 1])
                    number += 1
                    yield JsonEvent(record, number, text, done)
                return
            except _ODD:
                begin += offset  # the rest is looked at in detail
            finally:
                self._passed = number
        text = self._text(texts, offset, data, projection)
        records = self._decoded(data, projection)
        if records is not None:
            yield from self._noted(self._all(text, records, done))
        elif texts.accepts is None or texts.accepts(place):
            yield from self._noted(self._each(text, begin, wraps=self._may_wrap(data)))

    def _text(self, texts: Texts, offset: int, data: bytes, projection: Projection) -> Text:
        return Text(self._context, texts.origin, offset, data, projection, is_cut_off=texts.is_cut_off)

    def _head(self, data: bytes, projection: Projection) -> tuple[bytes, int] | None:
        """Return the head of a list and where it begins; None: *data* is none, or each record has to be looked at."""
        if not projection.usual or self._context.start_ts is None or self._see is not None:
            return None
        return None if len(data) > self._input.limits.record else self._lists.head(data)

    def _is_too_large(self, texts: Texts, place: int) -> bool:
        """Return whether a text is of no use, or holds more records, or what could be taken for some, than it may."""
        offset, data = texts.items[place]
        if len(data) <= self._input.limits.record:
            return False
        if texts.accepts is not None and not texts.accepts(place):
            return True
        most = self._input.limits.objects
        if data.count(b"{") <= most and data.count(b",") <= _VALUES * most:
            return False
        self._refusals.add(TOO_LARGE, f"{texts.origin.name}, byte {offset}")
        return True

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

    def _all(self, text: Text, records: list[Record], done: int) -> Iterable[JsonEvent]:
        """Return the events of *records* behind the first *done* of them."""
        indexes: Iterable[int] = range(done, len(records))
        records = records[done:] if done else records
        causes = self._causes(records)
        if any(causes):
            for index, cause in enumerate(causes):
                if cause is not None:
                    self._refusals.add(cause, JsonEvent(records[index], 0, text, done + index))
            kept = [index for index, cause in enumerate(causes) if cause is None]
            indexes = [done + index for index in kept]
            records = [records[index] for index in kept]
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

    def _each(self, text: Text, begin: int, *, wraps: bool) -> Iterator[JsonEvent]:
        """Yield the events of the records from the offset *begin* on."""
        for index, piece in enumerate(text.pieces(self._refuser(text))):
            if piece.offset < begin:
                continue
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

    def _noted(self, events: Iterable[JsonEvent]) -> Iterable[JsonEvent]:
        """Return *events*; the first one ever tells when the source has begun, and a memory sees each of them."""
        return events if self._context.start_ts is not None and self._see is None else self._noting(events)

    def _noting(self, events: Iterable[JsonEvent]) -> Iterator[JsonEvent]:
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

"""Events of JSON logs: one record each, as the engine and the fields' getters see it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import msgspec

from falcohost.digest import blake2b
from falcohost.engine.ir import FieldRef
from falcohost.engine.paths import at, json_text, path_keys
from falcohost.events import Facts, both
from falcohost.jsonlog.decode import MALFORMED, whole_record
from falcohost.jsonlog.harmless import harmless
from falcohost.jsonlog.inputs import Origin
from falcohost.jsonlog.log import JsonLog, Record
from falcohost.jsonlog.projection import Projection
from falcohost.jsonlog.refusals import Refused
from falcohost.jsonlog.split import Adjacent, Apart, Cutter, Piece
from falcohost.jsonlog.times import parse_time
from falcohost.subject import MOST_SUBJECTS, ResourceSubject, Subject

#: ``evt.type`` of every event of a plugin, as in Falco.
PLUGIN_EVENT = "pluginevent"


class Context:
    """Data that the events of one run share.

    :ivar time_of: returns the time in an event's record, or None if it has none.
    :ivar time_key: the key under which a record has its time; None if that is elsewhere, or in several places.
    :ivar memory: for fields that count over several events, read by their getters; None for most logs.
    :ivar start_ts: time of the first event; None before it.
    :ivar subject: returns who or what a whole record is about.
    :ivar resources: returns the first of the resources that a whole record is about, or None.
    :ivar about: returns both as the log does, so that it may raise; None: the log knows only one of them, or neither.
    :ivar about_is_read: each record has what these two read, also if it is not whole.
    """

    __slots__ = (
        "about",
        "about_is_read",
        "cutter",
        "log",
        "memory",
        "resources",
        "start_ts",
        "subject",
        "time_key",
        "time_of",
    )

    def __init__(self, log: JsonLog, memory: Any = None) -> None:
        self.log = log
        self.memory = memory
        self.cutter = Cutter(log.wrappers)
        self.start_ts: int | None = None
        self.time_of = _time_reader(log)
        keys = path_keys(log.time) if isinstance(log.time, str) else ()
        self.time_key = keys[0] if len(keys) == 1 else None
        self.subject = harmless(log.subject or _nobody, f"source '{log.source}': subject")
        self.about = None if log.subject is None or log.resources is None else (log.subject, log.resources)
        self.about_is_read = log.about_reads is not None and not log.about_apart
        self.resources = harmless(_resources(log), f"source '{log.source}': resources")


def _nobody(record: Record) -> None:
    return None


def _resources(log: JsonLog) -> Callable[[Record], tuple[ResourceSubject, ...]]:
    find = log.resources
    if find is None:
        return lambda record: ()

    def some(record: Record) -> tuple[ResourceSubject, ...]:
        found = find(record)
        if found.__class__ is tuple and len(found) <= MOST_SUBJECTS:
            return found
        return tuple(islice(found, MOST_SUBJECTS)) if found else ()

    return some


def _time_reader(log: JsonLog) -> Callable[[JsonEvent], int | None]:
    where = log.time
    if callable(where):
        of_record = harmless(where, f"source '{log.source}': time")

        def read(event: JsonEvent) -> int | None:
            event.whole()
            ts: int | None = of_record(event.record)
            return ts

        return read
    paths = log.time_paths or ()
    walks = [at(path) for path in paths]
    if len(paths) == 1:
        (key, *below), walk = path_keys(paths[0]), walks[0]
        if below:
            return lambda event: parse_time(walk(event.record))
        return lambda event: parse_time(event.record.get(key))
    return lambda event: next((ts for walk in walks if (ts := parse_time(walk(event.record))) is not None), None)


class Text:
    """A text of one or more records, which is split when the place of a record is needed.

    :ivar context: data that its events share.
    :ivar projection: decodes its records.
    """

    __slots__ = (
        "_arrival", "_at", "_data", "_is_cut_off", "_offset", "_piece", "_pieces", "_places", "_whole", "context",
        "origin", "projection",
    )  # fmt: skip

    def __init__(
        self,
        context: Context,
        origin: Origin,
        offset: int,
        data: bytes,
        projection: Projection,
        *,
        is_cut_off: bool = False,
    ) -> None:
        self.projection = projection
        self.context = context
        self.origin = origin
        self._offset = offset
        self._data = data
        self._is_cut_off = is_cut_off
        self._places: list[int] | None = None
        self._whole: memoryview
        self._pieces: Sequence[Piece] | None = None
        self._at = -1
        self._piece: Piece
        self._arrival = ""

    @property
    def arrival(self) -> str:
        """Return a random id of this text."""
        self._arrival = self._arrival or secrets.token_hex(8)
        return self._arrival

    def lie_at(self, places: list[int]) -> None:
        """Take note of where the records are (:func:`~falcohost.jsonlog.apart.places`)."""
        self._places = places
        self._whole = memoryview(self._data)
        self._pieces = Apart(self._data, self._offset, places)

    def pieces(self, refuse: Callable[[str, int], None] = lambda cause, offset: None) -> Sequence[Piece]:
        """Return the records; the first call reports cause and offset of invalid JSON to *refuse*."""
        if self._pieces is None:
            self._pieces = self.context.cutter.cut(self._data, self._offset, refuse, is_cut_off=self._is_cut_off)
        return self._pieces

    def piece(self, index: int) -> Piece:
        """Return one of the records."""
        if index != self._at:  # an alert asks several times
            self._piece = self.pieces()[index]
            self._at = index
        return self._piece

    def raw(self, index: int) -> bytes | memoryview | msgspec.Raw:
        """Return the text of one of the records, not copied if possible."""
        places = self._places
        if places is not None:
            return self._whole[places[index] : places[index + 1] - 1]
        pieces = self._pieces
        if pieces is None:
            pieces = self.pieces()
        return pieces.raws[index] if pieces.__class__ is Adjacent else pieces[index].raw


class JsonEvent(msgspec.Struct, gc=False, eq=False):
    """One record.

    :ivar record: the decoded object; before :meth:`whole`, perhaps only the fields that conditions read.
    :ivar num: value of ``evt.num``.
    :ivar text: the text that contains the record.
    :ivar index: zero-based index of the record in *text*.
    :ivar time: the same as :attr:`ts`; None before that is read. *has_time*: the record has it.
    :ivar decoded_for: the fields of an output for which the record was decoded again, with what alerts read besides.
    """

    record: Record
    num: int
    text: Text
    index: int
    is_whole: bool = False
    time: int | None = None
    has_time: bool = False
    decoded_for: tuple[FieldRef, ...] | None = None

    type = PLUGIN_EVENT

    @property
    def ts(self) -> int:
        """Time of the event: nanoseconds since the epoch, UTC."""
        if self.time is None:
            ts = self.text.context.time_of(self)
            self.has_time = ts is not None
            self.time = time.time_ns() if ts is None else ts
        return self.time

    @property
    def own_time(self) -> int | None:
        """The time in the record; None if it has none."""
        ts = self.ts
        return ts if self.has_time else None

    @property
    def raw(self) -> bytes:
        """The record's text."""
        return self.text.piece(self.index).raw

    def __str__(self) -> str:
        """Return the place of the record, for messages."""
        return f"{self.text.origin.name}, byte {self.text.piece(self.index).offset}"

    @property
    def key(self) -> str:
        """Identifies the record by its place and content, or as its origin says."""
        text, origin = self.text, self.text.origin
        if origin.id_of is not None and (ident := origin.id_of(self.raw)) is not None:
            return f"{origin.ident}:{ident}"
        if origin.by_content:
            ident = content_key(origin, text.raw(self.index))
            is_known = not origin.timeless or self.own_time is not None
            return ident if is_known else f"{ident}:{text.arrival}:{text.piece(self.index).offset}"
        piece = text.piece(self.index)
        return f"{origin.ident}:{piece.offset}:{blake2b(piece.raw, digest_size=8).hexdigest()}"

    @property
    def context(self) -> Context:
        """Data that the events of the run share."""
        return self.text.context

    @property
    def source(self) -> str:
        """Name of the event source."""
        return self.text.context.log.source

    @property
    def pluginname(self) -> str:
        """Name of the plugin."""
        return self.text.context.log.plugin

    @property
    def plugininfo(self) -> str:
        """The record in one line."""
        info = self.text.context.log.info
        return json_text(self.record) if info is None else info(self.record)

    @property
    def start_ts(self) -> int | None:
        """The time of the source's first event."""
        return self.text.context.start_ts

    @property
    def subject(self) -> Subject | None:
        """Who or what the record is about, for alerts."""
        if not (self.is_whole or self.decoded_for is not None or self.text.context.about_is_read):
            self.whole()
        found: Subject | None = self.text.context.subject(self.record)
        return found

    @property
    def resources(self) -> tuple[ResourceSubject, ...]:
        """The resources that the record is about, for alerts."""
        if not (self.is_whole or self.decoded_for is not None or self.text.context.about_is_read):
            self.whole()
        found: tuple[ResourceSubject, ...] | None = self.text.context.resources(self.record)
        return found or ()

    def alert_facts(self) -> Facts:
        """Return what an alert says of the event: what is usual without a call of each attribute."""
        text, ts = self.text, self.time
        context, origin = text.context, text.origin
        if ts is None:
            if context.time_key is not None and (ts := parse_time(self.record.get(context.time_key))) is not None:
                self.time, self.has_time = ts, True
            else:
                ts = self.ts
        own_time = ts if self.has_time else None
        if origin.by_content and origin.id_of is None and not origin.timeless:
            key = f"{origin.ident}:{blake2b(text.raw(self.index), digest_size=24).hexdigest()}"  # content_key
        else:
            key = self.key
        about = context.about
        if about is not None and (self.is_whole or self.decoded_for is not None or context.about_is_read):
            record = self.record
            try:
                subject, resources = about[0](record), about[1](record)
                if subject is not None and resources.__class__ is tuple and len(resources) < MOST_SUBJECTS:
                    return ts, key, own_time, (subject, *resources)
                return ts, key, own_time, both(subject, resources)
            except Exception:  # logged when each is asked alone
                pass
        return ts, key, own_time, both(self.subject, self.resources)

    def whole_for(self, fields: tuple[FieldRef, ...]) -> None:
        """Decode of the record what *fields* and alerts read, unless it has all of that; what conditions read stays."""
        if self.is_whole or self.decoded_for is fields:
            return
        text = self.text
        if text.projection.covers(fields):
            return
        decode = text.projection.again(fields)
        if decode is not None:
            try:
                self.record, self.decoded_for = decode(self.raw), fields
            except (msgspec.ValidationError, *MALFORMED, RecursionError):
                pass  # something unusual is where the fields expect an object
            else:
                return
        self.whole()

    def whole(self) -> None:
        """Decode the rest of the record. If it is not valid JSON, the missing fields stay absent."""
        if not self.is_whole:
            self.is_whole = True
            try:
                self.record = whole_record(self.raw)
            except Refused:
                return


def content_key(origin: Origin, raw: bytes | memoryview | msgspec.Raw) -> str:
    """Return the key of a record of *origin* by its content alone."""
    # Long enough that nobody can construct a harmless record with the key of a harmful one.
    return f"{origin.ident}:{blake2b(raw, digest_size=24).hexdigest()}"


def event_of(log: JsonLog, record: Record | bytes) -> JsonEvent:
    """Return *record* as an event of *log*; for tests of getters."""
    raw = record if isinstance(record, bytes) else msgspec.json.encode(record)
    text = Text(Context(log), Origin("record", "0"), 0, raw, Projection(None))
    event = JsonEvent(whole_record(raw), 1, text, 0, is_whole=True)
    text.context.start_ts = event.ts
    return event

"""One line of a text log, as the engine and the getters of fields see it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from datetime import tzinfo
from typing import Any

import msgspec

from falcohost import Field, FieldType
from falcohost.jsonlog import PLUGIN_EVENT, Origin
from falcohost.text import bytes_text
from falcohost_text.parsing import Groups
from falcohost_text.times import read_time
from falcohost_text.values import Column

PREFIX = "text."

#: Names of fields that every source of text has.
OWN = ("line", "matched")


class Context:
    """Holds what the events of one source have in common.

    :ivar start_ts: time of the first event; None before it.
    """

    __slots__ = ("source", "start_ts", "time", "zone")

    def __init__(self, source: str, time_group: str, zone: tzinfo | None) -> None:
        self.source = source
        self.time = time_group
        self.zone = zone
        self.start_ts: int | None = None


class TextEvent(msgspec.Struct, gc=False, eq=False):
    """One line.

    :ivar raw: the line without its end.
    :ivar offset: its offset in the file.
    :ivar groups: what the pattern's groups matched; None if the line does not have the form.
    """

    raw: bytes
    num: int
    origin: Origin
    offset: int
    groups: Groups | None
    context: Context
    stamp: int | None = None

    type = PLUGIN_EVENT
    pluginname = "text"

    @property
    def ts(self) -> int:
        """The time in the line, or that of reading: nanoseconds since the epoch."""
        if self.stamp is None:
            now = time.time_ns()
            raw = (self.groups or {}).get(self.context.time)
            found = None if raw is None else read_time(bytes_text(raw), self.context.zone, now)
            self.stamp = now if found is None else found
        return self.stamp

    @property
    def key(self) -> str:
        """Identifies the line by its position and its content."""
        return f"{self.origin.ident}:{self.offset}:{hashlib.blake2b(self.raw, digest_size=8).hexdigest()}"

    @property
    def line(self) -> str:
        """The line as text."""
        return bytes_text(self.raw)

    plugininfo = line

    @property
    def source(self) -> str:
        """Name of the event source."""
        return self.context.source

    @property
    def start_ts(self) -> int | None:
        """Time of the source's first event."""
        return self.context.start_ts

    def __str__(self) -> str:
        """Return where the line is, for messages."""
        return f"{self.origin.name}, byte {self.offset}"

    def value(self, column: Column) -> Any:
        """Return the value of a field; None if it is absent."""
        raw = (self.groups or {}).get(column.group or column.name)
        return None if raw is None else column.convert(raw)


def fields_of(columns: Iterable[Column]) -> list[Field]:
    """Return the fields of a source with these *columns*."""
    own = [
        Field(
            name=f"{PREFIX}line",
            type=FieldType.CHARBUF,
            description="The whole line.",
            get=lambda event, arg: event.line,
        ),
        Field(
            name=f"{PREFIX}matched",
            type=FieldType.BOOL,
            description="Whether the line has the form that the source expects; all other fields are absent if not.",
            get=lambda event, arg: event.groups is not None,
        ),
    ]
    return [*own, *map(_field, columns)]


def _field(column: Column) -> Field:
    return Field(
        name=f"{PREFIX}{column.name}",
        type=column.type,
        description=column.description,
        get=lambda event, arg: event.value(column),
    )

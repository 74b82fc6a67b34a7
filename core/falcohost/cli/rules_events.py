"""Reads events that a user gives in a file: alerts, objects of fields and values, or log records.

Log records are decoded by the source that the agent runs, but from this file: a program, an address or other files
that the configuration names are left alone.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from falcohost.cli.rules_files import LoadedRules
from falcohost.engine.explain.trace import Answers, Values, no_answer
from falcohost.engine.explain.values import OUTPUT_FIELDS, EventReader, EventValueError, KnownValues
from falcohost.engine.paths import getter
from falcohost.errors import ConfigError
from falcohost.events import Event, Source
from falcohost.ruletests.records import records

_FORMS = "give an alert in JSON, or a JSON object of fields and their values"


@dataclass(frozen=True, slots=True)
class Given:
    """One event that a user gave.

    :ivar where: the file, and the line in a file of several events.
    :ivar data: the event as a JSON object; None if it is not one.
    :ivar problem: why *data* is None.
    """

    where: str
    content: bytes
    data: Mapping[str, Any] | None = None
    problem: str = "this is not an event"

    @property
    def is_alert(self) -> bool:
        """Return whether it is an alert with the values of fields."""
        return self.data is not None and isinstance(self.data.get(OUTPUT_FIELDS), dict)

    @property
    def source(self) -> str | None:
        """Return the event source, if this is an alert that names one."""
        return self._named("source")

    @property
    def rule(self) -> str | None:
        """Return the rule, if this is an alert that names one."""
        return self._named("rule")

    def _named(self, key: str) -> str | None:
        name = self.data.get(key) if self.data is not None and self.is_alert else None
        return name if isinstance(name, str) else None


def read_one(file: IO[bytes]) -> Given:
    """Read *file* as one event."""
    return read_text(name_of(file), file.read())


def read_lines(file: IO[bytes], name: str) -> Iterator[Given]:
    """Yield each line of *file* as one event, skipping empty lines; *name* is the file's name in messages."""
    for number, line in enumerate(file, 1):
        if line.strip():
            yield read_text(f"{name}:{number}", line)


def name_of(file: IO[bytes]) -> str:
    """Return the name of *file* for messages."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) and name != "<stdin>" else "standard input"


class Readers:
    """Interprets what a user gave as events of a source."""

    def __init__(self, loaded: LoadedRules) -> None:
        self._loaded = loaded
        self._readers: dict[str, EventReader] = {}

    def values(self, given: Given, source: str) -> tuple[Values, Answers]:
        """Return the field values of *given* as an event of *source*, and what is known of its checks besides.

        :raises ConfigError: it is not exactly one event of that source.
        """
        if self.says_fields(given, source):
            known = self.known(given, source)
            return known.value, known.answer
        event = self._record(given, source)
        return lambda ref: getter(ref.field)(event, ref.arg), no_answer

    def says_fields(self, given: Given, source: str) -> bool:
        """Return whether *given* is an alert or an object of fields, and not a record of the log of *source*."""
        return given.data is not None and (given.is_alert or self._reader(source).is_flat(given.data))

    def known(self, given: Given, source: str) -> KnownValues:
        """Return the field values in *given*.

        :raises ConfigError: a field does not exist, or its value is not valid.
        """
        if given.data is None:
            raise ConfigError(f"{given.where}: {given.problem}; {_FORMS}")
        try:
            return self._reader(source).read(given.data)
        except EventValueError as error:
            raise ConfigError(f"{given.where}: {error}") from None

    @contextmanager
    def records(self, path: Path, source: str, given: Given) -> Iterator[Source]:
        """Open *path*, whose first event is *given*, as a log of *source*; nothing that is configured is opened.

        :raises ConfigError: the source has no log that can be read from a file.
        """
        otherwise = f"{given.where}: {given.problem}; {_FORMS}"
        with records(self._loaded.sources[source], path, otherwise) as opened:
            yield opened

    def _record(self, given: Given, source: str) -> Event:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "event.json"
            path.write_bytes(given.content)
            with self.records(path, source, given) as opened:
                found = [event for batch in opened.batches() for event in batch.events]
                causes = ", ".join(opened.stats().dropped)
        if not found and given.data is None:
            raise ConfigError(f"{given.where}: {given.problem}; {_FORMS}")
        if len(found) != 1:
            told = f"found {len(found)} events instead of one" if found else "found no event"
            more = f": {causes}" if causes else ""
            raise ConfigError(
                f"{given.where}: {told}{more}. Give one record of the log; or {_FORMS.removeprefix('give ')}"
            )
        return found[0]

    def _reader(self, source: str) -> EventReader:
        if source not in self._readers:
            types = self._loaded.sources[source].event_types
            self._readers[source] = EventReader(self._loaded.catalogs[source], types)
        return self._readers[source]


@contextmanager
def as_path(file: IO[bytes]) -> Iterator[Path]:
    """Yield a path to the content of *file*: its own, or that of a copy if it cannot be read twice (a pipe)."""
    name = getattr(file, "name", None)
    if isinstance(name, str) and Path(name).is_file():
        yield Path(name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        yield path


def read_text(where: str, content: bytes) -> Given:
    """Read *content* as one event; messages call it *where*."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        return Given(where, content, problem=f"this is not JSON: {error}")
    return Given(where, content, data) if isinstance(data, dict) else Given(where, content)

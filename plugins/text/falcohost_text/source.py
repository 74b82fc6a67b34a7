"""The event sources of text logs: the input's lines become events, whether they have the expected form or not."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from falcohost import Batch, ConfigError, Plan, Source, SourceSpec, SourceStats
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import (
    FOLLOW,
    MIB,
    PLUGIN_EVENT,
    Input,
    Limits,
    Origin,
    Refusals,
    Texts,
    capabilities,
    file_input,
    files_check,
)
from falcohost.needs import Needs, needs_of
from falcohost.program import ProgramInput
from falcohost.settings import OPEN_PARAMS
from falcohost_text.config import NAME, Config, settings_of
from falcohost_text.event import Context, TextEvent
from falcohost_text.exported import Entries
from falcohost_text.formats import FORMATS
from falcohost_text.parsing import compiled, parser
from falcohost_text.records import Record, Records

log = logging.getLogger("falcohost")

#: A longer line is dropped and counted.
LIMITS = Limits(document=MIB, plain=True)

#: The source of a configuration that names no log: its rules can be checked.
UNCONFIGURED = Config(NAME, "Lines of any text log.", FORMATS["lines"])


def source_spec(config: Config) -> SourceSpec:
    """Return the spec of one configured source."""

    def make(settings: Mapping[str, Any]) -> Source:
        return TextSource(config, _input(config))

    return SourceSpec(
        name=config.name,
        description=config.description,
        make=make,
        check=files_check(make, always=True),
        event_types=frozenset({PLUGIN_EVENT}),
        capabilities=capabilities({OPEN_PARAMS: config.open_params, FOLLOW: config.follow}),
        settings=functools.partial(settings_of, config.name),
    )


def unconfigured() -> SourceSpec:
    """Return the source ``text`` of a configuration that names no log: rules can be checked, and nothing opened."""

    def make(settings: Mapping[str, Any]) -> Source:
        raise ConfigError(f"there is nothing to read: name files in {OPEN_PARAMS}, or logs in init_config.sources")

    return SourceSpec(name=NAME, description=UNCONFIGURED.description, make=make, event_types=frozenset({PLUGIN_EVENT}))


def _input(config: Config) -> Input:
    if config.program is not None:
        return ProgramInput(config.program, plugin=config.where, limits=LIMITS)
    return file_input(config.open_params, plugin=config.where, follow=config.follow, limits=LIMITS)


class TextSource:
    """Reads the lines that *given* delivers, in the form that *config* says."""

    def __init__(self, config: Config, given: Input, clock: Clock = SYSTEM) -> None:
        self._config = config
        self._where = config.where
        self._parse = parser(config.format, over_lines=bool(config.first_line))
        self._context = Context(config.name, config.format.time, config.zone)
        self._input = given
        self._refusals = Refusals()
        self._passed = self._unmatched = 0
        self._records: Records | Entries | None = None
        if config.format.is_export:
            self._records = Entries(LIMITS.document, self._refusals, clock)
        elif config.first_line:
            self._records = Records(compiled(config.first_line).search, LIMITS.document, self._refusals, clock)

    @property
    def needs(self) -> Needs:
        """Return what its input needs."""
        return needs_of(self._input)

    def reading(self, path: Path) -> TextSource:
        """Return a source of the same log that reads the file at *path* once."""
        return TextSource(self._config, file_input(str(path), plugin=self._where, limits=LIMITS))

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Open the input at *cursor*.

        :raises SourceError: it cannot be opened.
        """
        self._input.open(self._refusals, cursor)

    def batches(self) -> Iterator[Batch]:
        """Yield the events of the input's lines, or of its records of several lines."""
        records = self._records
        for texts in self._input.texts():
            if records is None:
                yield Batch(self._events(texts) if texts.items else (), texts.cursor, more=texts.more)
            else:
                yield self._batch(*records.take(texts))
        if records is not None:
            yield self._batch(*records.rest())

    def update(self, plan: Plan) -> None:
        """Go on as before: each line is parsed, whatever the rules want."""

    def ack(self, cursor: str) -> None:
        """Tell the input that all alerts up to *cursor* are stored."""
        self._input.ack(cursor)

    def stats(self) -> SourceStats:
        """Return the number of lines read, of those dropped by cause, and of those without the expected form."""
        dropped = dict(self._refusals.counts)
        notes = (f"{self._unmatched} lines did not have the expected form",) if self._unmatched else ()
        return SourceStats(
            self._passed + sum(dropped.values()), self._passed, dropped, done=self._input.done, notes=notes
        )

    def close(self) -> None:
        """Close the input."""
        self._input.close()

    def _events(self, texts: Texts) -> Iterator[TextEvent]:
        for offset, data in texts.items:
            at = offset
            lines = data.split(b"\n")
            if texts.is_cut_off:
                lines.pop()  # half a line, which has been counted
            for line in lines:
                raw = line.rstrip(b"\r")
                if raw and not raw.isspace():
                    yield self._event(raw, at, texts.origin)
                at += len(line) + 1

    def _batch(self, records: Iterable[Record], cursor: str | None) -> Batch:
        return Batch([self._event(record.raw, record.at, record.origin) for record in records], cursor)

    def _event(self, raw: bytes, at: int, origin: Origin) -> TextEvent:
        groups = self._parse(raw)
        self._passed += 1
        event = TextEvent(raw, self._passed, origin, at, groups, self._context)
        if groups is None:
            self._unmatched += 1
            if self._unmatched == 1:
                log.warning("%s: %s: the line does not have the expected form; further ones are only counted",
                            self._where, event)  # fmt: skip
        if self._context.start_ts is None:
            self._context.start_ts = event.ts
        return event

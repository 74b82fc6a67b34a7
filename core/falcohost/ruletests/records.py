"""Opens a file of records as the log of a source; nothing that is configured is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from falcohost.errors import ConfigError
from falcohost.events import Plan, RecordSource, Source
from falcohost.hookspecs import SourceSpec


@contextmanager
def records(spec: SourceSpec, path: Path, otherwise: str) -> Iterator[Source]:
    """Open *path* as a log of the source *spec*.

    :raises ConfigError: with the text *otherwise*: the source has no log that can be read from a file.
    """
    made = spec.make({"open_params": str(path)})
    if not isinstance(made, RecordSource):
        raise ConfigError(otherwise)
    with reading(made.reading(path), spec.name) as opened:
        yield opened


@contextmanager
def reading(source: Source, name: str) -> Iterator[Source]:
    """Open *source*, which is called *name*, for all of its events; close it at the end."""
    source.open(Plan(name), None)
    try:
        yield source
    finally:
        source.close()

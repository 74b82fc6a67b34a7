"""A lookup: what a table of assets, a CSV file, says of the machine that an event names."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from falcohost import Arg, ArgKind, ConfigError, Field, FieldType, hookimpl
from falcohost.lookups import Key, LookupSpec

falcohost_api = 1

#: Seconds between two looks at the file.
LOOK = 1.0

#: A line of the table, by the names of its columns.
Row: TypeAlias = Mapping[str, str]


class Assets:
    """The rows of *file* by the value in *column* (empty: the first); the file is read again when it changes."""

    def __init__(self, file: Path, column: str = "") -> None:
        self._file = file
        self._column = column
        self._looked = time.monotonic()
        self._changed = self._time()
        self._rows = self._read()

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> Assets:
        """Read the table that the plugin's ``init_config`` names.

        :raises ConfigError: it names none, or it cannot be read.
        """
        if not settings.get("file"):
            raise ConfigError("the plugin 'assets' needs 'file', the path of a CSV file, in its init_config")
        try:
            return cls(Path(settings["file"]), settings.get("column", ""))
        except (OSError, ValueError) as error:
            raise ConfigError(f"the table of assets cannot be read: {error}") from error

    def find(self, key: Key) -> Row | None:
        """Return the row of a machine; all rows are there, so none is ever pending."""
        return self._rows.get(str(key[0]))

    def poll(self) -> bool:
        """Read the table again if it has changed; one that cannot be read leaves the rows as they are."""
        now = time.monotonic()
        if now < self._looked + LOOK:
            return False
        self._looked = now
        try:
            changed = self._time()
            if changed == self._changed:
                return False
            self._rows, self._changed = self._read(), changed
        except (OSError, ValueError) as error:
            logging.getLogger("falcohost").warning("the table of assets cannot be read again: %s", error)
        return True

    def close(self) -> None:
        """Do nothing: the file is closed."""

    def _time(self) -> int:
        return self._file.stat().st_mtime_ns

    def _read(self) -> dict[str, Row]:
        with self._file.open(newline="", encoding="utf-8") as lines:
            table = csv.DictReader(lines)
            column = self._column or next(iter(table.fieldnames or ()), "")
            if column not in (table.fieldnames or ()):
                raise ValueError(f"{self._file} has no column '{column}'")
            return {row[column]: row for row in table}


def _column(row: Row, arg: Arg) -> str | None:
    """Return what stands in a column; nothing where it is empty."""
    return row.get(str(arg)) or None


FIELD = Field(
    name="asset.value",
    type=FieldType.CHARBUF,
    description="What the table of assets says of the event's machine in the column that is named.",
    get=_column,
    arg=ArgKind.KEY,
    arg_required=True,
)


@hookimpl
def falcohost_lookups(settings: Mapping[str, Any]) -> Iterable[LookupSpec]:
    """Offer the table for the event source ``source``, by the field ``field`` of its events (default: their host)."""
    if not settings:
        return []
    if not settings.get("source"):
        raise ConfigError("the plugin 'assets' needs 'source', the name of an event source, in its init_config")
    key = {settings["source"]: (settings.get("field", "json.value[/host]"),)}
    about = "Knows what a table of assets says of machines."
    return [LookupSpec(name="assets", description=about, key=key, make=Assets.from_config, fields=[FIELD])]

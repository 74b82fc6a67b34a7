"""The tables in the process that has them: read at first, read again when they change; the last good one is kept."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from falcohost.regular import read_regular
from falcohost_tables.config import Table
from falcohost_tables.reading import MOST_BYTES, Unreadable, read_table
from falcohost_tables.rows import Row, State

#: Seconds after which a fetch is told that has not ended: more than it has for connecting, a pause and the body.
LONGEST_FETCH: Final = 180.0

#: When a file and its inode were changed, its size, its inode and its device; None: there is none.
Stamp: TypeAlias = tuple[int, int, int, int, int] | None


class Rows(Protocol):
    """The rows of a table."""

    def find(self, key: bytes) -> Row | None:
        """Return the row of *key*, if there is one."""

    def __len__(self) -> int:
        """Return the number of rows."""


class Loaded:
    """A table and the rows that are in use.

    :param tell: called when these, or what is wrong, are others.
    :ivar since: when the fetch began that is under way (monotonic clock); None: there is none.
    """

    def __init__(self, table: Table, tell: Callable[[], None]) -> None:
        self.table = table
        self.state = State(0, "")
        self.since: float | None = None
        self._tell = tell
        self._rows: Rows | None = None

    @property
    def is_known(self) -> bool:
        """Return whether there are rows in use."""
        return self._rows is not None

    @property
    def has_failed(self) -> bool:
        """Return whether there are none, and it is known why."""
        return self._rows is None and bool(self.state.problem)

    def __len__(self) -> int:
        """Return the number of rows."""
        return 0 if self._rows is None else len(self._rows)

    def find(self, key: bytes) -> Row | None:
        """Return the row of *key*, if there is one."""
        return None if self._rows is None else self._rows.find(key)

    def take(self, rows: Rows) -> None:
        """Use *rows* from now on."""
        self._rows = rows
        self.state = State(self.state.taken + 1, "")
        self._tell()

    def keep(self, problem: str) -> None:
        """Go on with the former rows, because of *problem*."""
        if problem != self.state.problem:
            self.state = State(self.state.taken, problem)
            self._tell()

    def look(self) -> None:
        """Say it if a fetch takes longer than any: the parts of a head may come one by one, and have no end."""
        since = self.since
        if since is not None and time.monotonic() > since + LONGEST_FETCH:
            self.keep(
                f"{self.table.place} is being fetched for more than {LONGEST_FETCH:.0f} s: the answer does not end"
            )

    def well(self) -> None:
        """Forget a problem: what is in use is what is there."""
        if self.state.problem and self._rows is not None:
            self.state = State(self.state.taken, "")
            self._tell()


class FileTable:
    """Reads the file of a table when it changes.

    A file that was replaced by renaming another is read at once. One that is written in place is read when it has not
    changed between two looks, so that half of it is not taken for the whole.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._read: Stamp = None
        self._refused: Stamp = None
        self._seen: Stamp = None

    def look(self) -> None:
        """Read the file if it has changed."""
        stamp = _stamp(self._loaded.table.file)
        before, self._seen = self._seen, stamp
        if stamp is not None and stamp == self._read:
            self._loaded.well()
            return
        is_whole = stamp is None or before is None or before[3:] != stamp[3:] or before == stamp
        if is_whole and (stamp is None or stamp != self._refused):
            self._load(stamp)

    def _load(self, stamp: Stamp) -> None:
        table = self._loaded.table
        try:
            rows = read_file(table)
        except Unreadable as error:
            self._refused = stamp
            self._loaded.keep(str(error))
            return
        except OSError as error:
            self._loaded.keep(f"{table.file} cannot be read: {error.strerror or error}")
            return
        self._read = stamp
        self._loaded.take(rows)


def read_file(table: Table) -> Rows:
    """Return the rows in the file of *table*.

    :raises Unreadable: they cannot be used.
    :raises OSError: there is no such file, or it cannot be read.
    """
    if table.format == "maxmind":
        from falcohost_tables.maxmind import Database

        return Database(table)
    return read_table(table, read_regular(table.file, MOST_BYTES))


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 (called each second)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


class Tables:
    """All tables, by name."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._changed = threading.Condition()
        self._number = 0
        self.by_name: Mapping[str, Loaded] = {table.name: Loaded(table, self._count) for table in tables}
        self._files = [FileTable(one) for one in self.by_name.values() if one.table.file]

    @property
    def number(self) -> int:
        """Return a number that is another after each change."""
        return self._number

    def states(self) -> dict[str, State]:
        """Return the state of each table."""
        return {name: one.state for name, one in self.by_name.items()}

    def look(self) -> None:
        """Read the files that have changed, and look whether what is fetched comes."""
        for file in self._files:
            file.look()
        for fetched in self.from_urls():
            fetched.look()

    def from_urls(self) -> Iterator[Loaded]:
        """Yield the tables that are fetched."""
        yield from (one for one in self.by_name.values() if one.table.url)

    def wait_for_change(self, number: int, seconds: float | None = None) -> int:
        """Wait until the number is not *number*; return it."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != number, seconds)
            return self._number

    def _count(self) -> None:
        with self._changed:
            self._number += 1
            self._changed.notify_all()


def folders(tables: Iterable[Table]) -> tuple[str, ...]:
    """Return the folders of all files that are read, since a file may be replaced by renaming another."""
    return tuple(dict.fromkeys(str(Path(path).parent) for table in tables for path in table.reads))

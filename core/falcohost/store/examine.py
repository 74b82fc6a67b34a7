"""What is in the file of a store: sizes, marks, damage; and how to get out what is whole."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from msgspec import Struct

from falcohost.clock import SYSTEM, Clock
from falcohost.errors import StateError
from falcohost.store.age import stored_age
from falcohost.store.backlog import NOTHING, Backlogs, Behind, Wants
from falcohost.store.body import decode, kind_of
from falcohost.store.database import SCHEMA, broken_name, connect, one, remove_surplus
from falcohost.store.directory import database
from falcohost.store.metadata import ByKey, StoredMetadata, is_metadata
from falcohost.store.uri import uri

#: Called with a number of alerts, now and then.
Progress: TypeAlias = Callable[[int], object]

#: Most problems that are listed.
MOST_PROBLEMS: Final = 100

#: So many alerts are read at once.
_PAGE: Final = 500

#: The tables of which a repair takes everything, with the number of their columns.
_SMALL: Final = {
    "cursors": 2,
    "subscribers": 3,
    "metadata": 3,
    "age": 5,
    "parked": 5,
    "verdicts": 8,
    "silences": 3,
    "held": 2,
}


class Part(Struct, frozen=True):
    """The alerts of one source: how many, and the times of the first and the last by their events, in ns."""

    source: str
    alerts: int
    first: int
    last: int


class Mark(Struct, frozen=True):
    """How far an output or a subscriber is: the number of the last alert that it has taken, and how many wait.

    :ivar lag: for so many seconds the first of those that wait has been stored.
    :ivar parked: how many it has refused for good.
    """

    name: str
    mark: int
    waiting: int
    lag: int = 0
    parked: int = 0


class Overview(Struct, frozen=True):
    """What a store has.

    :ivar size: bytes of its files.
    :ivar last: number of the last alert.
    """

    path: str
    size: int
    alerts: int
    last: int
    sources: list[Part]
    marks: list[Mark]
    cursors: dict[str, str]


class Repaired(Struct, frozen=True):
    """What a repair has done.

    :ivar alerts: number of alerts in the new file.
    :ivar unreadable: number of alerts that could not be read or decoded, about.
    :ivar aside: path of the old file; *removed*: the names of older ones that are gone.
    :ivar missing: if the file was damaged, how many numbers from the first alert to the last known one have none
        besides: pages may be lost without an error. Limits may have deleted some of these before.
    """

    alerts: int
    unreadable: int
    aside: str
    removed: list[str] = []
    missing: int = 0


def overview(directory: Path, clock: Clock = SYSTEM, wanted: Mapping[str, Wants] = {}) -> Overview:
    """Return what is in the store in *directory*.

    :param wanted: by output, which alerts it gets; others get all.
    :raises StateError: there is none, or it cannot be read.
    """
    path = database(directory)
    with Reader(path) as reader:
        reader.rows("BEGIN")  # all of it at one moment: an agent may be deleting
        sources = reader.rows(
            "SELECT source, count(*), min(time), max(time) FROM alerts GROUP BY source ORDER BY source"
        )
        parked = "(SELECT count(*) FROM parked WHERE output = name)" if reader.version >= 5 else "0"
        marks = reader.rows(f"SELECT name, mark, {parked} FROM subscribers ORDER BY name")
        now = stored_age(reader.rows, clock).now() if reader.version >= 4 else 0
        last = reader.rows("SELECT coalesce(max(seq), 0) FROM alerts")[0][0]
        behind = _behind(reader, {name: mark for name, mark, _ in marks}, last, wanted)
        return Overview(
            str(path),
            sum(part.stat().st_size for part in _files(path)),
            sum(row[1] for row in sources),
            last,
            [Part(*row) for row in sources],
            [
                Mark(name, mark, behind[name].count, _lag(reader, behind[name], now), parked)
                for name, mark, parked in marks
            ],
            dict(reader.rows("SELECT source, cursor FROM cursors ORDER BY source")),
        )


def problems(directory: Path, progress: Progress = lambda count: None) -> list[str]:
    """Return what is wrong with the store in *directory*, a line each; no more than :data:`MOST_PROBLEMS`.

    :param progress: called with the number of alerts that were checked.
    :raises StateError: there is none.
    """
    with Reader(database(directory)) as reader:
        try:
            check = reader.connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})").fetchall()
            found = [text for (text,) in check if text != "ok"]
            return found or list(islice(_undecodable(reader, progress), MOST_PROBLEMS))
        except sqlite3.Error as error:
            return [f"the file cannot be read: {error}"]


def repair(directory: Path, progress: Progress = lambda count: None) -> Repaired:
    """Put the store in *directory* aside, and make a new one of all that can be read. No agent may be using it.

    :param progress: called with the number of alerts that were taken over.
    :raises StateError: there is none, or the new one cannot be written.
    """
    path = database(directory)
    fresh = path.with_name(f"{path.name}-repaired")
    try:
        for part in _files(fresh):
            part.unlink()
        with Reader(path) as reader:
            if not reader.version:
                mend = "nothing can be taken from it, and the agent begins a new one when it starts"
                raise StateError(f"the beginning of {path} is damaged: {mend}")
            if reader.version != SCHEMA:
                raise StateError(f"{path} has format {reader.version}, not {SCHEMA}; only that can be repaired")
            new = connect(fresh)
            try:
                unreadable = copy_readable(reader, new, progress)
                count = one(new, "SELECT count(*) FROM alerts")
                numbers = one(new, "SELECT coalesce(max(seq), 0) - coalesce(min(seq), 1) + 1 FROM alerts")
                numbers += max(0, _last(reader, 0) - one(new, "SELECT coalesce(max(seq), 0) FROM alerts"))
                missing = max(0, numbers - count - unreadable) if _is_damaged(reader) else 0
            finally:
                new.close()
        owner = path.stat()
        os.chown(fresh, owner.st_uid, owner.st_gid)
        aside = broken_name(path)
        for part in _files(path):
            part.rename(aside.with_name(aside.name + part.name.removeprefix(path.name)))
        fresh.rename(path)
        removed = remove_surplus(path)
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"{path} cannot be repaired: {error}") from error
    return Repaired(count, unreadable, str(aside), removed, missing)


class Reader:
    """Reads the file at *path*, and changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.connection = sqlite3.connect(uri(path, "ro"), uri=True, timeout=5)
        self.metadata = StoredMetadata(lambda sql, values: self.rows(sql, *values))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @property
    def version(self) -> int:
        """Return the version of the tables; 0 if it cannot be read."""
        try:
            return one(self.connection, "PRAGMA user_version")
        except sqlite3.Error:
            return 0

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Return the rows that *sql* finds.

        :raises StateError: the file cannot be read.
        """
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            mend = "falcohost store check says what is wrong"
            raise StateError(f"the state in {self._path} cannot be read: {error}; {mend}") from error


def _behind(reader: Reader, marks: Mapping[str, int], last: int, wanted: Mapping[str, Wants]) -> dict[str, Behind]:
    """Return what waits for each output."""
    delivered = " AND seq NOT IN (SELECT seq FROM held)" if reader.version >= 7 else ""
    sql = f"SELECT seq, alert FROM alerts WHERE seq > ? AND seq <= ?{delivered} ORDER BY seq LIMIT ?"
    backlogs = Backlogs(wanted)
    for name, mark in marks.items():
        backlogs.begin(name, min(mark, last), last)
    while backlogs.count(lambda *which: [(seq, kind_of(body)) for seq, body in reader.rows(sql, *which)], _PAGE):
        pass
    return backlogs.behind()


def _lag(reader: Reader, behind: Behind, now: int) -> int:
    """Return the seconds for which the first alert that waits has been stored."""
    if behind == NOTHING or not now:
        return 0
    return max(0, now - one(reader.connection, "SELECT stored FROM alerts WHERE seq = ?", behind.first))


def _undecodable(reader: Reader, progress: Progress) -> Iterator[str]:
    """Yield a line about each alert that cannot be decoded."""
    sql = "SELECT seq, alert FROM alerts WHERE seq > ? ORDER BY seq LIMIT ?"
    count, after = 0, 0
    while page := reader.connection.execute(sql, (after, _PAGE)).fetchall():
        for seq, body in page:
            try:
                decode(body, reader.metadata)
            except (ValueError, KeyError) as error:
                yield f"alert {seq} cannot be decoded: {error}"
        count, after = count + len(page), page[-1][0]
        progress(count)


def copy_readable(
    reader: Reader, new: sqlite3.Connection, progress: Progress, after: int = 0, most: int | None = None
) -> int:
    """Copy what can be read, in one transaction; return how many numbers of alerts may have had one that cannot.

    :param after: of alerts only those after this number; *most*: so many of them, about, also of unreadable ones.
    :raises sqlite3.Error: *new* cannot be written.
    """
    new.execute("BEGIN")
    for table, columns in _SMALL.items():
        with contextlib.suppress(sqlite3.Error):
            rows = reader.connection.execute(f"SELECT * FROM {table}").fetchall()
            if table == "metadata":  # an alert without its metadata is whole, one with damaged ones is not
                rows = [row for row in rows if is_metadata(row[2])]
            new.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})", rows)
    metadata = StoredMetadata(lambda sql, values: new.execute(sql, values).fetchall())
    count = unreadable = 0
    ranges = [*reversed(list(_ranges(reader, after)))]
    while ranges and (most is None or count + unreadable < most):
        first, last = ranges.pop()
        sql = "SELECT * FROM alerts WHERE seq BETWEEN ? AND ?"
        try:
            rows = reader.connection.execute(sql, (first, last)).fetchall()
        except sqlite3.Error:
            if first == last:
                unreadable += 1
            else:
                middle = (first + last) // 2
                ranges += [(middle + 1, last), (first, middle)]
            continue
        whole = [row for row in rows if _is_alert(row[-1], metadata)]
        new.executemany("INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", whole)
        count, unreadable = count + len(whole), unreadable + len(rows) - len(whole)
        progress(count)
    new.execute("COMMIT")
    return unreadable


def _is_alert(body: bytes, metadata: ByKey) -> bool:
    try:
        decode(body, metadata)
    except ValueError:
        return False
    return True


def _is_damaged(reader: Reader) -> bool:
    try:
        (text,) = reader.connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error:
        return True
    return bool(text != "ok")


def _last(reader: Reader, after: int) -> int:
    """Return the highest number of an alert of which the file says something; *after* if it says nothing."""
    known = [after]
    try:
        known.append(reader.connection.execute("SELECT max(seq) FROM alerts").fetchone()[0] or 0)
    except sqlite3.Error:  # the page with the last ones is damaged
        with contextlib.suppress(sqlite3.Error):
            for (known[0],) in reader.connection.execute("SELECT seq FROM alerts WHERE seq > ? ORDER BY seq", (after,)):
                pass
    for sql in ("SELECT max(mark) FROM subscribers", "SELECT max(last) FROM metadata"):
        with contextlib.suppress(sqlite3.Error):
            known.append(reader.connection.execute(sql).fetchone()[0] or 0)
    return max(known)


def _ranges(reader: Reader, after: int) -> Iterator[tuple[int, int]]:
    """Yield ranges that together have the numbers of all alerts after *after*, as far as the file says these."""
    first = after + 1
    with contextlib.suppress(sqlite3.Error):
        first = reader.connection.execute("SELECT min(seq) FROM alerts WHERE seq > ?", (after,)).fetchone()[0] or first
    for begin in range(first, _last(reader, after) + 1, _PAGE):
        yield begin, begin + _PAGE - 1


def _files(path: Path) -> list[Path]:
    """Return those of the file's parts that are there."""
    return [part for end in ("", "-wal", "-shm") if (part := path.with_name(path.name + end)).is_file()]

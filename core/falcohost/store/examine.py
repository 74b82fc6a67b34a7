"""What is in the file of a store: sizes, marks, damage; and how to get out what is whole."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

from msgspec import Struct

from falcohost.clock import SYSTEM, Clock
from falcohost.errors import StateError
from falcohost.store.age import stored_age
from falcohost.store.backlog import NOTHING, Backlogs, Behind, Wants
from falcohost.store.body import Kind, brief_of, decode, kind_of
from falcohost.store.database import SCHEMA, broken_name, connect, one, remove_surplus
from falcohost.store.directory import database
from falcohost.store.ids import key_of
from falcohost.store.metadata import ByKey, StoredMetadata, is_metadata
from falcohost.store.packing import write_packs
from falcohost.store.packs import (
    NAMES,
    Pack,
    delivered,
    last_number,
    named,
    packs,
    readable,
    some,
    tables,
)
from falcohost.store.row import Moved
from falcohost.store.uri import uri

T = TypeVar("T")

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
        sources = _sources(reader)
        parked = "(SELECT count(*) FROM parked WHERE output = name)" if reader.version >= 5 else "0"
        marks = reader.rows(f"SELECT name, mark, {parked} FROM subscribers ORDER BY name")
        now = reader.read(lambda connection: stored_age(connection, clock)).now() if reader.version >= 4 else 0
        last = reader.read(last_number)
        behind = _behind(reader, {name: mark for name, mark, _ in marks}, last, wanted)
        return Overview(
            str(path),
            sum(part.stat().st_size for part in _files(path)),
            sum(part.alerts for part in sources),
            last,
            sources,
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
            if not found and not tables(reader.connection):
                return ["the file is not a store: it has no table of alerts"]
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
                count = one(new, "SELECT coalesce(sum(count), 0) FROM packs")
                numbers = one(new, "SELECT coalesce(max(last), 0) - coalesce(min(first), 1) + 1 FROM packs")
                numbers += max(0, _last(reader, 0) - one(new, "SELECT coalesce(max(last), 0) FROM packs"))
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
        return self.read(lambda connection: connection.execute(sql, values).fetchall())

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what *work* returns, which only reads.

        :raises StateError: the file cannot be read.
        """
        try:
            return work(self.connection)
        except sqlite3.Error as error:
            mend = "falcohost store check says what is wrong"
            raise StateError(f"the state in {self._path} cannot be read: {error}; {mend}") from error


def _sources(reader: Reader) -> list[Part]:
    """Return what each source has."""
    parts: dict[str, Part] = {}
    for kind in reader.read(tables):
        columns = "count(*), min(time), max(time)" if kind == "alerts" else "sum(count), min(earliest), max(latest)"
        for source, count, first, last in reader.rows(f"SELECT source, {columns} FROM {kind} GROUP BY source"):
            before = parts.get(source, Part(source, 0, first, last))
            parts[source] = Part(source, before.alerts + count, min(before.first, first), max(before.last, last))
    return [parts[source] for source in sorted(parts)]


def _behind(reader: Reader, marks: Mapping[str, int], last: int, wanted: Mapping[str, Wants]) -> dict[str, Behind]:
    """Return what waits for each output."""

    def kinds(after: int, until: int, most: int) -> list[tuple[int, Kind | None]]:
        found = reader.read(lambda connection: read(connection, after, until, most))
        return [(seq, kind_of(body)) for seq, body in found]

    read = delivered if reader.version >= 7 else some
    backlogs = Backlogs(wanted)
    for name, mark in marks.items():
        backlogs.begin(name, min(mark, last), last)
    while backlogs.count(kinds, _PAGE):
        pass
    return backlogs.behind()


def _lag(reader: Reader, behind: Behind, now: int) -> int:
    """Return the seconds for which the first alert that waits has been stored."""
    if behind == NOTHING or not now:
        return 0
    return max(0, now - reader.read(lambda connection: next(packs(connection, behind.first - 1)).stored))


def _undecodable(reader: Reader, progress: Progress) -> Iterator[str]:
    """Yield a line about each alert that cannot be decoded."""
    count = 0
    for pack in packs(reader.connection):
        for seq, body in pack.bodies:
            try:
                decode(body, reader.metadata)
            except (ValueError, KeyError) as error:
                yield f"alert {seq} cannot be decoded: {error}"
        count += len(pack.bodies)
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
    written = after
    ranges = [(kind, *numbers) for kind in _kinds(reader) for numbers in _ranges(reader, kind, after)][::-1]
    while ranges and (most is None or count + unreadable < most):
        kind, first, last = ranges.pop()
        try:
            found = named(reader.connection, kind, first, last)
        except sqlite3.Error:
            if first < last:
                middle = (first + last) // 2
                ranges += [(kind, middle + 1, last), (kind, first, middle)]
                continue
            pack, lost = readable(reader.connection, last) if kind == "packs" else (None, 1)
            found = [] if pack is None else [pack]
            unreadable += lost
        for pack in found:
            there = [one for one in pack.bodies if one[0] > written]  # what is damaged may have a number twice
            whole = [row for row in (_readable(pack, *one, metadata) for one in there) if row is not None]
            write_packs(new, whole, pack.stored)
            written = max(written, pack.last)
            count, unreadable = count + len(whole), unreadable + len(there) - len(whole)
        progress(count)
    new.execute("COMMIT")
    return unreadable


def _kinds(reader: Reader) -> list[str]:
    try:
        return tables(reader.connection)
    except sqlite3.Error:
        return [*NAMES]


def _readable(pack: Pack, seq: int, body: bytes, metadata: ByKey) -> Moved | None:
    """Return a row for an alert; None: it cannot be decoded."""
    brief = brief_of(body)
    if brief is None or not _is_alert(body, metadata):
        return None
    return Moved(seq, bool(pack.rewinds), brief, body, key_of(pack.source, brief.id))


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
    for kind in _kinds(reader):
        name = NAMES[kind]
        try:
            known.append(reader.connection.execute(f"SELECT max({name}) FROM {kind}").fetchone()[0] or 0)
        except sqlite3.Error:  # the page with the last ones is damaged
            with contextlib.suppress(sqlite3.Error):
                sql = f"SELECT {name} FROM {kind} WHERE {name} > ? ORDER BY {name}"
                for (known[0],) in reader.connection.execute(sql, (after,)):
                    pass
    for sql in ("SELECT max(mark) FROM subscribers", "SELECT max(last) FROM metadata"):
        with contextlib.suppress(sqlite3.Error):
            known.append(reader.connection.execute(sql).fetchone()[0] or 0)
    return max(known)


def _ranges(reader: Reader, kind: str, after: int) -> Iterator[tuple[int, int]]:
    """Yield ranges that together have the numbers of all packs after *after*, as far as the file says these."""
    first, name = after + 1, NAMES[kind]
    with contextlib.suppress(sqlite3.Error):
        sql = f"SELECT min({name}) FROM {kind} WHERE {name} > ?"
        first = reader.connection.execute(sql, (after,)).fetchone()[0] or first
    for begin in range(first, _last(reader, after) + 1, _PAGE):
        yield begin, begin + _PAGE - 1


def _files(path: Path) -> list[Path]:
    """Return those of the file's parts that are there."""
    return [part for end in ("", "-wal", "-shm") if (part := path.with_name(path.name + end)).is_file()]

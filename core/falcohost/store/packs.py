"""Packs: alerts that came together from one source are one row of the database, and are found by their numbers.

A row for each alert would cost more than its bytes. Files of former versions have such rows in a table of their own:
they are read here as packs of one alert, and :mod:`falcohost.store.moving` makes packs of them. Packs are written by
:mod:`falcohost.store.packing`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from falcohost.store.body import brief_of

#: Most alerts of a pack. One that cannot be read at all takes all of them with it.
MOST_ALERTS: Final = 32

#: No alert has a higher number.
_LAST: Final = (1 << 63) - 1

_READ: Final = "SELECT last, first, count, source, rewinds, stored, latest, places, bodies FROM packs"
_BETWEEN: Final = {
    "packs": "last > ?1 AND last <= coalesce((SELECT min(last) FROM packs WHERE last >= ?2), ?2)",
    "alerts": "seq > ? AND seq <= ?",
}

#: By what packs are found in the tables of this version, and of former ones.
NAMES: Final = {"packs": "last", "alerts": "seq"}

#: Numbers of alerts, each with the alert in bytes.
Bodies: TypeAlias = list[tuple[int, bytes]]


class Places(Struct, frozen=True, array_like=True):
    """Where a pack's alerts are in its bytes: how long each is, and their *numbers*; none: those after the first."""

    sizes: list[int]
    numbers: list[int] = []


class Pack(NamedTuple):
    """Alerts of *source* that were stored together.

    :ivar last: by this the pack is found: the number of the last alert that it had.
    :ivar rewinds: they may come a second time.
    :ivar stored: when that was (:mod:`falcohost.store.age`); *latest*: no event of theirs is later.
    """

    last: int
    source: str
    rewinds: int
    stored: int
    latest: int
    bodies: Bodies


def packs(
    connection: sqlite3.Connection, after: int = 0, until: int | None = None, *, last_first: bool = False
) -> Iterator[Pack]:
    """Yield what is stored after number *after*, up to *until*; *last_first*: in reverse, also within packs.

    :raises sqlite3.DatabaseError: it is damaged, or cannot be read.
    """
    kinds = tables(connection)
    if begun := len(kinds) > 1 and not connection.in_transaction:
        connection.execute("BEGIN")  # all of it at one moment, since it is being moved
    try:
        for kind in reversed(kinds) if last_first else kinds:
            last = _LAST if until is None else until
            for pack in _READS[kind](connection, _BETWEEN[kind], (after, last), " DESC" if last_first else ""):
                found = pack.bodies
                if found[0][0] <= after or found[-1][0] > last:
                    found = [one for one in found if after < one[0] <= last]
                if found:
                    yield pack._replace(bodies=found[::-1]) if last_first else pack._replace(bodies=found)
    finally:
        if begun and connection.in_transaction:
            connection.execute("COMMIT")


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return which tables have alerts, of this version and of former ones: first that with the lower numbers."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('packs', 'alerts') ORDER BY name DESC"
    return [name for (name,) in connection.execute(sql)]


def named(connection: sqlite3.Connection, kind: str, first: int, last: int) -> list[Pack]:
    """Return the packs that are found by the numbers from *first* to *last*, in the table *kind*.

    :raises sqlite3.DatabaseError: they are damaged, or cannot be read.
    """
    return [*_READS[kind](connection, f"{NAMES[kind]} BETWEEN ? AND ?", (first, last), "")]


def readable(connection: sqlite3.Connection, last: int) -> tuple[Pack | None, int]:
    """Return what can be read of a pack of which not all can, and how many of its alerts cannot, about."""
    found: Bodies = []
    try:
        sql = "SELECT first, count, source, rewinds, stored, latest, places FROM packs WHERE last = ?"
        row = connection.execute(sql, (last,)).fetchone()
        if row is None:
            return None, 0
        first, count, source, rewinds, stored, latest, places = row
        where = _decode(places)
        numbers: Sequence[int] = where.numbers or range(first, first + len(where.sizes))
    except (sqlite3.Error, ValueError):
        return None, 1
    with contextlib.suppress(sqlite3.Error), connection.blobopen("packs", "bodies", last, readonly=True) as blob:
        for number, size in zip(numbers, where.sizes, strict=False):
            if not (first <= number <= last and 0 <= size <= len(blob)) or len(content := blob.read(size)) < size:
                break
            found.append((number, content))
    return Pack(last, source, rewinds, stored, latest, found), min(max(count - len(found), 0), MOST_ALERTS)


def _read(connection: sqlite3.Connection, where: str, values: tuple[int, int], order: str) -> Iterator[Pack]:
    found = connection.execute(f"{_READ} WHERE {where} ORDER BY last{order}", values)
    for last, first, count, source, rewinds, stored, latest, places, content in found:
        yield Pack(last, source, rewinds, stored, latest, unpacked(first, last, count, places, content))


def _read_former(connection: sqlite3.Connection, where: str, values: tuple[int, int], order: str) -> Iterator[Pack]:
    sql = f"SELECT seq, source, rewinds, stored, time, alert FROM alerts WHERE {where} ORDER BY seq{order}"
    for seq, source, rewinds, stored, time, body in connection.execute(sql, values):
        yield Pack(seq, source, rewinds, stored, time, [(seq, body)])


def unpacked(first: int, last: int, count: int, places: bytes, content: bytes) -> Bodies:
    """Return the alerts of a pack, as the table has it.

    :raises sqlite3.DatabaseError: it is damaged.
    """
    try:
        where = _decode(places)
    except ValueError:
        raise damage(first, last) from None
    sizes = where.sizes
    numbers: Sequence[int] = where.numbers or range(first, first + len(sizes))
    if not (0 < len(sizes) == count == len(numbers) and min(sizes) >= 0 and sum(sizes) == len(content)):
        raise damage(first, last)
    if not first == numbers[0] <= numbers[-1] <= last:
        raise damage(first, last)
    found, begin = [], 0
    for number, size in zip(numbers, sizes, strict=True):
        found.append((number, content[begin : begin + size]))
        begin += size
    return found


def damage(first: int, last: int) -> sqlite3.DatabaseError:
    """Return the error that the alerts from number *first* to *last* are damaged, as SQLite raises it for a page."""
    error = sqlite3.DatabaseError(f"the alerts {first} to {last} are damaged")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def check(found: Bodies) -> None:
    """Check that alerts can be decoded: where a page has only bytes of them, nobody notices that it is damaged.

    :raises sqlite3.DatabaseError: one cannot be.
    """
    for number, body in found:
        if brief_of(body) is None:
            raise damage(number, number)


def bodies(connection: sqlite3.Connection, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield the alerts after number *after*, up to *until*.

    :raises sqlite3.DatabaseError: they are damaged, or cannot be read.
    """
    for pack in packs(connection, after, until):
        yield from pack.bodies


def delivered(connection: sqlite3.Connection, after: int, until: int | None, most: int) -> Bodies:
    """Return up to *most* alerts after number *after*, up to *until*, but for those that are delivered to nobody.

    :raises sqlite3.DatabaseError: they are damaged, or cannot be read.
    """
    found: Bodies = []
    for pack in packs(connection, after, until):
        held = held_back(connection, pack.bodies[0][0], pack.bodies[-1][0])
        found += [one for one in pack.bodies if one[0] not in held] if held else pack.bodies
        if len(found) >= most:
            break
    return found[:most]


def some(connection: sqlite3.Connection, after: int, until: int | None, most: int) -> Bodies:
    """Return up to *most* alerts after number *after*, up to *until*.

    :raises sqlite3.DatabaseError: they are damaged, or cannot be read.
    """
    return [*islice(bodies(connection, after, until), most)]


def held_back(connection: sqlite3.Connection, first: int, last: int) -> dict[int, str]:
    """Return which of the alerts from number *first* to *last* are delivered to nobody, and why."""
    return dict(connection.execute("SELECT seq, why FROM held WHERE seq BETWEEN ? AND ?", (first, last)).fetchall())


def fleeting(connection: sqlite3.Connection, after: int) -> list[tuple[str, str]]:
    """Return the sources and ids of alerts after number *after* that cannot come a second time by a cursor.

    :raises sqlite3.DatabaseError: they are damaged, or cannot be read.
    """
    found = [brief_of(body) for pack in packs(connection, after) if not pack.rewinds for _, body in pack.bodies]
    return [(brief.source, brief.id) for brief in found if brief is not None]


def with_id(connection: sqlite3.Connection, alert: str) -> tuple[int, bytes] | None:
    """Return the last alert that has the id *alert*, and its number; None: there is none.

    :raises sqlite3.DatabaseError: it is damaged, or cannot be read.
    """
    kinds = tables(connection)
    if "alerts" in kinds:
        sql = "SELECT seq, alert FROM alerts WHERE id = ? ORDER BY seq DESC LIMIT 1"
        if (found := connection.execute(sql, (alert,)).fetchone()) is not None:
            return int(found[0]), found[1]
    if "packs" not in kinds:
        return None
    sql = "SELECT first, last FROM packs WHERE instr(bodies, CAST(? AS BLOB)) ORDER BY last DESC"
    for first, last in connection.execute(sql, (alert,)):
        for pack in packs(connection, first - 1, last, last_first=True):
            for seq, body in pack.bodies:
                if (brief := brief_of(body)) is not None and brief.id == alert:
                    return seq, body
    return None


def last_number(connection: sqlite3.Connection) -> int:
    """Return the number of the last alert; 0: there is none."""
    found = [connection.execute(f"SELECT max({NAMES[one]}) FROM {one}").fetchone()[0] for one in tables(connection)]
    return max([number for number in found if number is not None], default=0)


def last_stored(connection: sqlite3.Connection) -> int | None:
    """Return when the last alert was stored; None: there is none."""
    for one in reversed(tables(connection)):
        sql = f"SELECT stored FROM {one} ORDER BY {NAMES[one]} DESC LIMIT 1"
        if (found := connection.execute(sql).fetchone()) is not None:
            return int(found[0])
    return None


_READS: Final = {"packs": _read, "alerts": _read_former}

_decode = msgspec.msgpack.Decoder(Places).decode

"""Packs are made here, and what is removed is removed from them (:mod:`falcohost.store.packs`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from falcohost.store.body import brief_of
from falcohost.store.ids import forget, key_of, write_ids
from falcohost.store.packs import MOST_ALERTS, Bodies, Places, unpacked
from falcohost.store.row import Moved, Row

#: Most bytes of the alerts of a pack, unless there is only one.
MOST_BYTES: Final = 1 << 16

#: The largest number of a column. A source may pass on any time; larger ones are stored as this.
_LARGEST: Final = (1 << 63) - 1

_ADD: Final = "INSERT INTO packs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CHANGE: Final = (
    "UPDATE packs SET first = ?, count = ?, earliest = ?, latest = ?, places = ?, bodies = ? WHERE last = ?"
)
_FIND: Final = (
    "SELECT last, first, count, source, rewinds, places, bodies FROM packs WHERE last >= ? ORDER BY last LIMIT 1"
)


def write_packs(connection: sqlite3.Connection, rows: Sequence[Row | Moved], stored: int) -> None:
    """Write *rows*, which are in the order of their numbers, in the transaction that has begun."""
    found: list[tuple[object, ...]] = []
    for part in _parts(rows):
        first, last = part[0], part[-1].seq
        times = [row.alert.time for row in part]
        places, content = _packed([row.seq for row in part], [row.body for row in part])
        at = first.seq, len(part), first.alert.source, first.rewinds, stored
        found.append((last, *at, _bounded(min(times)), _bounded(max(times)), places, content))
        if first.rewinds:
            write_ids(connection, last, [row.key for row in part])
    connection.executemany(_ADD, found)


def _parts(rows: Sequence[Row | Moved]) -> Iterator[Sequence[Row | Moved]]:
    """Divide *rows* into those of each pack."""
    for begin in range(0, len(rows), MOST_ALERTS):
        part = rows[begin : begin + MOST_ALERTS]
        alike = len({row.alert.source for row in part}) == len({row.rewinds for row in part}) == 1
        if alike and sum([len(row.body) for row in part]) <= MOST_BYTES:  # as most are
            yield part
        else:
            yield from _divided(part)


def _divided(rows: Sequence[Row | Moved]) -> Iterator[Sequence[Row | Moved]]:
    """Divide *rows* where the source is another, or there are too many bytes."""
    for _, group in groupby(rows, lambda row: (row.alert.source, row.rewinds)):
        part: list[Row | Moved] = []
        size = 0
        for row in group:
            size += len(row.body)
            if part and size > MOST_BYTES:
                yield part
                part, size = [], len(row.body)
            part.append(row)
        yield part


def _packed(numbers: list[int], parts: list[bytes]) -> tuple[bytes, bytes]:
    """Return the places and the bytes of a pack with these alerts."""
    gaps = numbers[-1] - numbers[0] >= len(numbers)
    return _encode(Places([*map(len, parts)], numbers if gaps else [])), b"".join(parts)


def _bounded(time: int) -> int:
    return time if -_LARGEST <= time <= _LARGEST else _LARGEST


def remove(connection: sqlite3.Connection, numbers: Collection[int]) -> None:
    """Remove the alerts with these *numbers*, in the transaction that has begun.

    :raises sqlite3.DatabaseError: they are damaged, or the file cannot be written.
    """
    left = sorted(numbers, reverse=True)
    while left:
        if (found := connection.execute(_FIND, (left[-1],)).fetchone()) is None:
            return
        last, first, count, source, rewinds, places, content = found
        gone = set()
        while left and left[-1] <= last:
            gone.add(left.pop())
        there = unpacked(first, last, count, places, content)
        if rewinds:
            briefs = [brief_of(body) for number, body in there if number in gone]
            forget(connection, last, [key_of(source, brief.id) for brief in briefs if brief is not None])
        if kept := [one for one in there if one[0] not in gone]:
            _keep(connection, last, kept)
        else:
            connection.execute("DELETE FROM packs WHERE last = ?", (last,))


def _keep(connection: sqlite3.Connection, last: int, kept: Bodies) -> None:
    """Keep only these alerts of a pack."""
    times = [brief.time for _, body in kept if (brief := brief_of(body)) is not None] or [0]
    at = kept[0][0], len(kept), _bounded(min(times)), _bounded(max(times))
    connection.execute(_CHANGE, (*at, *_packed([number for number, _ in kept], [body for _, body in kept]), last))


_encode = msgspec.msgpack.Encoder().encode

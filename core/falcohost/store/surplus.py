"""Deletes the alerts in a store that exceed its limits, at intervals.

Age is that of :mod:`falcohost.store.age`. When there are too many bytes, those who have more than their share lose
their oldest alerts (:mod:`falcohost.store.shares`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from falcohost.clock import Clock
from falcohost.store.age import Age
from falcohost.store.body import brief_of, kind_of
from falcohost.store.database import one
from falcohost.store.limits import Limits
from falcohost.store.packing import remove
from falcohost.store.packs import bodies, packs
from falcohost.store.shares import Place, surplus

#: Seconds, number of alerts, and part of the file's limit, after which age and size are checked again.
PAUSE = 60.0
PAUSE_ALERTS = 20_000
PAUSE_PART = 16

#: Metadata in use are written again after each check. Metadata written this many alerts ago are not used any more.
MOST_LATER = 10 * PAUSE_ALERTS

#: How full a file is after deleting.
_LEFT = 0.9

#: Bytes of pages for each byte of alerts. There may be more, since pages from which single alerts were deleted are not
#: filled again; the file is then larger than its limit, by less than the limit.
_SPARSE = 1.5

#: Bytes of an alert in the file beside its body, about: most of them for its id.
_BESIDE = 50

_DAY = 86_400

_READING = "INSERT OR REPLACE INTO age VALUES (1, ?, ?, ?, ?)"


class Deleted(NamedTuple):
    """What was deleted: all alerts up to number *until*; *gone*: the numbers of those that not every subscriber had."""

    until: int
    gone: Sequence[int] = ()


@dataclass
class _Used:
    """What the alerts of one rule use: *size* bytes; *first*: none has a lower number."""

    priority: int
    first: int
    size: int = 0


class Surplus:
    """Deletes alerts beyond *limits*."""

    def __init__(self, limits: Limits, age: Age, clock: Clock) -> None:
        self._limits = limits
        self._age = age
        self._clock = clock
        self._look_at = 0.0
        self._look_last = 0
        self._written = 0
        self._used: dict[tuple[str, str], _Used] = {}
        self._counted = 0

    def wrote(self, size: int) -> None:
        """Take note that *size* bytes were written."""
        self._written += size

    def renew(self) -> None:
        """Forget what was counted, since a new file has taken the place of the former one."""
        self._used.clear()
        self._counted = 0

    def due(self, last: int) -> bool:
        """Return whether it is time to check again; *last* is the number of the last alert."""
        now = self._clock.monotonic()
        much = self._written > (self._limits.megabytes << 20) // PAUSE_PART
        if now < self._look_at and last < self._look_last and not much:
            return False
        self._look_at = now + PAUSE
        self._look_last = last + PAUSE_ALERTS
        self._written = 0
        return True

    def delete(self, connection: sqlite3.Connection, last: int, behind: int) -> Deleted:
        """Delete what exceeds the limits, in one transaction.

        :param last: the number of the last alert; *behind*: that of the last that every subscriber has.
        """
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_READING, self._age.reading())
        deleted = self._delete_old(connection, last, behind)
        gone = self._delete_much(connection, last, behind)
        if deleted.until or gone is not None:
            first = one(connection, "SELECT coalesce((SELECT first FROM packs ORDER BY last LIMIT 1), ?)", last + 1)
            connection.execute("DELETE FROM metadata WHERE last < ?", (first - MOST_LATER,))
            connection.execute("DELETE FROM held WHERE seq < ?", (first,))
        connection.execute("COMMIT")
        return Deleted(deleted.until, [*deleted.gone, *(gone or ())])

    def _delete_old(self, connection: sqlite3.Connection, last: int, behind: int) -> Deleted:
        oldest = self._age.now() - self._limits.days * _DAY
        young = "SELECT first FROM packs WHERE stored >= ? ORDER BY last LIMIT 1"
        until = one(connection, f"SELECT coalesce(({young}), ?)", oldest, last + 1) - 1
        if not one(connection, "SELECT EXISTS (SELECT 1 FROM packs WHERE last <= ?)", until):
            return Deleted(0)
        if self._counted:
            for key, (_, size) in _added(connection, 0, min(until, self._counted)).items():
                self._used[key].size -= size
        numbers = [seq for seq, _ in bodies(connection, until=until)]
        remove(connection, numbers)
        return Deleted(until, [seq for seq in numbers if seq > behind])

    def _delete_much(self, connection: sqlite3.Connection, last: int, behind: int) -> list[int] | None:
        """Return the numbers of those deleted that not every subscriber had; None: nothing was deleted."""
        most = self._limits.megabytes << 20
        pages = one(connection, "PRAGMA page_count") - one(connection, "PRAGMA freelist_count")
        taken = pages * one(connection, "PRAGMA page_size")
        if taken <= most:
            return None
        self._count(connection, last)
        used = {Place(source, part.priority, rule): part.size for (source, rule), part in self._used.items()}
        size = sum(used.values())
        room = int(_LEFT * most / min(taken / max(size, 1), _SPARSE))
        if size <= room:
            return None
        above = surplus(used, room)
        gone = self._oldest(connection, {(place.source, place.rule): size for place, size in above.items()})
        remove(connection, gone)
        return [seq for seq in gone if seq > behind]

    def _count(self, connection: sqlite3.Connection, last: int) -> None:
        """Count the alerts that were not counted yet."""
        for key, (first, size) in _added(connection, self._counted, last).items():
            used = self._used.setdefault(key, _Used(0, first))
            body = next(bodies(connection, first - 1))[1]
            if (kind := kind_of(body)) is not None:
                used.priority = kind.priority
            used.size += size
        self._counted = last

    def _oldest(self, connection: sqlite3.Connection, above: dict[tuple[str, str], int]) -> list[int]:
        """Return the numbers of the oldest alerts of each rule, so many that they have as many bytes as are *above*."""
        gone: list[int] = []
        begin = min((self._used[key].first for key in above), default=0)
        for seq, source, rule, length in _placed(connection, begin - 1):
            left = above.get((source, rule))
            if left is None:
                continue
            size, used = length + _BESIDE, self._used[source, rule]
            gone.append(seq)
            used.size -= size
            used.first = seq + 1
            above[source, rule] = left - size
            if left <= size:
                del above[source, rule]
                if not above:
                    break
        return gone


def _added(connection: sqlite3.Connection, after: int, until: int) -> dict[tuple[str, str], tuple[int, int]]:
    """Return by source and rule the number of the first alert in between, and how many bytes all of them take."""
    added: dict[tuple[str, str], tuple[int, int]] = {}
    for seq, source, rule, length in _placed(connection, after, until):
        first, size = added.get((source, rule), (seq, 0))
        added[source, rule] = first, size + length + _BESIDE
    return added


def _placed(
    connection: sqlite3.Connection, after: int, until: int | None = None
) -> Iterator[tuple[int, str, str, int]]:
    """Yield the number, the source, the rule and the size of each alert in between. One that is damaged has no rule."""
    for pack in packs(connection, after, until):
        for seq, body in pack.bodies:
            brief = brief_of(body)
            yield seq, pack.source, "" if brief is None else brief.rule, len(body)

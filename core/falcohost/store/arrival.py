"""Data on its way to the store, and how it is written: everything that waits, in one transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Container, Sequence
from itertools import accumulate
from typing import NamedTuple

from msgspec import Struct, field

from falcohost.alert import Alert, RuleMetadata
from falcohost.store.database import Connection
from falcohost.store.metadata import NO_KEY, ByKey
from falcohost.store.metadata import row as metadata_row
from falcohost.store.outline import Known
from falcohost.store.packing import write_packs
from falcohost.store.parked import Parked, park
from falcohost.store.row import Row
from falcohost.store.shares import Place, surplus

#: Most alerts in memory while the disk cannot be written, and bytes of them.
MOST_UNWRITTEN = 100_000
MOST_UNWRITTEN_BYTES = 256 << 20


class Arrival(Struct, frozen=True):
    """Alerts from a source or a subscriber, and the cursor to store with them.

    :ivar rewinds: the source is read again from its cursor after a crash, so that an alert may come twice.
    :ivar number: the number of the worker's message; 0: nobody waits for an answer.
    :ivar ended: the source has ended; if it is read again, it starts from the beginning.
    :ivar bodies: the alerts as bytes (:mod:`falcohost.store.body`), if they came so; *metadata*: the metadata they use.
    :ivar again: sent a second time, because the store ended before it acknowledged it; it may be stored already.
    """

    source: str
    alerts: Sequence[Known]
    cursor: str | None = None
    rewinds: bool = False
    number: int = 0
    ended: bool = False
    bodies: Sequence[bytes] = ()
    metadata: ByKey = {}
    again: bool = False


class Refusal(Struct, frozen=True, array_like=True):
    """An alert that an output will never accept: its number, and why."""

    seq: int
    reason: str


class Answer(Struct, frozen=True):
    """The answer of the subscriber *name*, which has taken all alerts up to *mark*; *state*: None if unchanged.

    :ivar refused: those of them that it will never accept.
    :ivar bodies: its alerts as bytes, if they came so; *metadata*: the metadata they use.
    """

    name: str
    mark: int
    alerts: Sequence[Alert] = ()
    state: bytes | None = None
    bodies: Sequence[bytes] = ()
    metadata: ByKey = {}
    refused: Sequence[Refusal] = ()

    @property
    def is_mark(self) -> bool:
        """Return whether it says no more than what was taken."""
        return not self.alerts and self.state is None and not self.refused


class Stored(Struct):
    """The result of storing arrivals: the new alerts, and the last cursor of each source that is now written."""

    alerts: list[Known] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)


class SubscriberPosition(NamedTuple):
    """A subscriber's position: the number of the last alert that it has taken, and its state (None: no state)."""

    mark: int
    state: bytes | None = None


class Waiting(Struct):
    """Data that is not written yet.

    :ivar positions: by subscriber; a position without a state keeps the stored state.
    :ivar parked: what outputs have refused.
    :ivar metadata: the alerts' metadata, by key; *written*: the keys of metadata that are written already.
    :ivar size: bytes of the bodies in *rows*.
    :ivar more: writes what else belongs to this transaction.
    """

    rows: list[Row] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    positions: dict[str, SubscriberPosition] = field(default_factory=dict)
    metadata: dict[int, RuleMetadata] = field(default_factory=dict)
    written: set[int] = field(default_factory=set)
    parked: list[Parked] = field(default_factory=list)
    size: int = 0
    more: list[Callable[[sqlite3.Connection], None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.rows or self.cursors or self.ended or self.positions or self.parked or self.more)

    def move(self, subscriber: str, mark: int, state: bytes | None) -> None:
        """Set the position of *subscriber* to *mark*, with a new *state* unless that is None."""
        before = self.positions.get(subscriber)
        self.positions[subscriber] = SubscriberPosition(mark, before.state if before and state is None else state)

    def write(self, connection: Connection, now: int) -> None:
        """Write all of it in one transaction, at *now* (:mod:`falcohost.store.age`)."""
        positions = [(name, *position) for name, position in self.positions.items()]
        execute, execute_many = connection.execute, connection.executemany
        if len(positions) == 1 and not (self.rows or self.cursors or self.ended or self.parked or self.more):
            connection.wait_for_disk(False)
            execute(_POSITION, positions[0])  # the most frequent case; a single statement is a transaction
            return
        # Without a cursor, no source forgets events because of this transaction, so it need not wait for the disk.
        connection.wait_for_disk(bool(self.cursors))
        execute("BEGIN IMMEDIATE")
        write_packs(connection, self.rows, now)
        if held := [(row.seq, row.held) for row in self.rows if row.held]:
            execute_many("INSERT OR REPLACE INTO held VALUES (?, ?)", held)
        for write in self.more:
            write(connection)
        if self.rows and (new := self.metadata.keys() - self.written - {NO_KEY}):
            last = self.rows[-1].seq
            execute_many(_METADATA, [metadata_row(key, self.metadata[key], last) for key in new])
        execute_many(_CURSOR, list(self.cursors.items()))
        if self.ended:
            gone = [(source,) for source in self.ended]
            execute_many("DELETE FROM cursors WHERE source = ?", gone)
            execute_many(_FORGET, gone)
            execute_many("UPDATE packs SET rewinds = 0 WHERE rewinds AND source = ?", gone)
        execute_many(_POSITION, positions)
        if self.parked:
            park(connection, self.parked, now)
        execute("COMMIT")

    def first(self, most: int) -> Waiting:
        """Return the first rows, of about *most* bytes, to be written before all else."""
        sizes = accumulate(len(row.body) for row in self.rows)
        place, size = next(one for one in enumerate(sizes, 1) if one[1] >= min(most, self.size))
        return Waiting(self.rows[:place], metadata=self.metadata, written=self.written, size=size)

    def wrote(self, first: Waiting) -> None:
        """Forget the *first* rows, which are written."""
        del self.rows[: len(first.rows)]
        self.size -= first.size
        self.written |= self.metadata.keys()

    def drop(self, gone: Container[int]) -> None:
        """Drop the rows with these numbers, which need not be written."""
        self.rows[:] = [row for row in self.rows if row.seq not in gone]
        self.size = sum(len(row.body) for row in self.rows)

    def give_up(self) -> list[Row]:
        """Give up alerts of those who have more than their share, if there are too many; return these."""
        least = MOST_UNWRITTEN_BYTES // MOST_UNWRITTEN
        if len(self.rows) <= MOST_UNWRITTEN and self.size <= MOST_UNWRITTEN_BYTES:
            return []
        used: Counter[Place] = Counter()
        for row in self.rows:
            used[_place(row.alert)] += max(len(row.body), least)
        above = surplus(used, int(0.9 * MOST_UNWRITTEN_BYTES))
        gone, kept = [], []
        for row in self.rows:
            place = _place(row.alert)
            if above.get(place, 0) > 0:
                above[place] -= max(len(row.body), least)
                gone.append(row)
            else:
                kept.append(row)
        self.rows[:] = kept
        self.size = sum(len(row.body) for row in kept)
        return gone

    def clear(self) -> None:
        """Forget it, since it is written."""
        self.written |= self.metadata.keys()
        self.size = 0
        for part in (self.rows, self.cursors, self.ended, self.positions, self.metadata, self.parked, self.more):
            part.clear()


def _place(alert: Known) -> Place:
    return Place(alert.source, alert.priority, alert.rule)


_CURSOR = "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET cursor = excluded.cursor"
_FORGET = "DELETE FROM ids WHERE pack IN (SELECT last FROM packs WHERE rewinds AND source = ?)"
_METADATA = "INSERT INTO metadata VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET last = excluded.last"
_POSITION = (
    "INSERT INTO subscribers VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
    "SET mark = excluded.mark, state = coalesce(excluded.state, state)"
)

"""What comes to the store, and how it is written: alerts and cursors of all sources in one transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from falcohost.alert import Alert


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a source has sent: alerts, and the cursor that is true once they are stored.

    :ivar rewinds: the source is read again from its cursor after a crash, so that an alert may come twice.
    :ivar ended: the source has come to its end; whoever reads it again wants all of it again.
    """

    source: str
    alerts: Sequence[Alert]
    cursor: str | None = None
    rewinds: bool = False
    ended: bool = False


@dataclass(slots=True)
class Stored:
    """What became of arrivals: the alerts that are new, and the last cursor of each source that is now written."""

    alerts: list[Alert] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)


class Row(NamedTuple):
    """An alert, its number, and whether it may come a second time."""

    seq: int
    rewinds: bool
    alert: Alert

    def columns(self, now: int) -> tuple[object, ...]:
        """Return what the table holds of it, stored *now*."""
        alert = self.alert
        return self.seq, alert.id, self.rewinds, alert.time, alert.rule, alert.source, now, _encode(alert)


def write(
    connection: sqlite3.Connection, rows: Sequence[Row], cursors: Mapping[str, str], ended: Collection[str]
) -> None:
    """Write *rows* and *cursors* in one transaction, and forget how far sources that have *ended* were read."""
    now = int(time.time())
    gone = [(source,) for source in ended]
    execute, execute_many = connection.execute, connection.executemany
    # Without a cursor nobody forgets an event because of this transaction, so it need not wait for the disk.
    execute(f"PRAGMA synchronous = {'FULL' if cursors else 'NORMAL'}")
    execute("BEGIN IMMEDIATE")
    execute_many("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [row.columns(now) for row in rows])
    sql = "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET cursor = excluded.cursor"
    execute_many(sql, list(cursors.items()))
    execute_many("DELETE FROM cursors WHERE source = ?", gone)
    execute_many("UPDATE alerts SET rewinds = 0 WHERE rewinds AND source = ?", gone)
    execute("COMMIT")


_encode = msgspec.msgpack.Encoder().encode

"""What a store has only in memory, taken along to the next run when the agent starts anew in place.

It is a database of the same tables, as bytes: all that there is to carry are rows of these. Behind it is a digest, so
that what was not written to its end, since its writer was killed, is not taken for whole.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

from falcohost.digest import blake2b
from falcohost.errors import StateError
from falcohost.store.arrival import Waiting
from falcohost.store.database import SCHEMA, connect, one

_ALERTS: Final = "SELECT seq, id, rewinds, time, rule, source, alert FROM alerts ORDER BY seq"
_VERDICTS: Final = "SELECT seq, rule, source, verdict, note, by_name, uid FROM verdicts"

# What is stored already is known by its id. A cursor that is there stays: the source is read again from it.
_ALERT: Final = "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_CURSOR: Final = "INSERT OR IGNORE INTO cursors VALUES (?, ?)"
_METADATA: Final = "INSERT INTO metadata VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET last = excluded.last"

#: A subscriber that had all that was there goes on where it is now; another one takes some a second time.
_POSITION: Final = (
    "INSERT INTO subscribers VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET mark = max(mark, excluded.mark),"
    " state = excluded.state WHERE mark >= ? AND state IS NULL"
)


#: Bytes of the digest.
_SIZE: Final = 16


def digest(data: bytes | memoryview) -> bytes:
    """Return what is to be behind *data*."""
    return blake2b(data, digest_size=_SIZE).digest()


def of_waiting(waiting: Waiting, now: int) -> bytes:
    """Return what *waiting* has, and has not written; *now*: the time (:mod:`falcohost.store.age`).

    :raises sqlite3.Error: that is impossible.
    """
    with contextlib.closing(connect(None)) as connection:
        waiting.write(connection, now)
        return connection.serialize()


def take(connection: sqlite3.Connection, data: bytes | memoryview, last: int, now: int) -> int:
    """Add what is in *data* behind the alert number *last*, in the transaction that has begun; return the last number.

    A file that has it already stays as it is: whoever added it may have been killed before it could say so. The file
    says by its *application_id*, which belongs to the transaction, what was added last.

    :raises StateError: the data cannot be read.
    """
    data, found = memoryview(data)[:-_SIZE], data[-_SIZE:]
    if digest(data) != found:
        raise StateError("they are incomplete")
    name = int.from_bytes(found[:4], "big") >> 1
    if one(connection, "PRAGMA application_id") == name:
        return last
    connection.execute(f"PRAGMA application_id = {name}")
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as carried:
            carried.deserialize(data)
            if one(carried, "PRAGMA user_version") != SCHEMA:
                raise StateError("they are from another version")
            return _copy(carried, connection, last, now)
    except sqlite3.DatabaseError as error:
        raise StateError(str(error)) from error


def _copy(carried: sqlite3.Connection, to: sqlite3.Connection, last: int, now: int) -> int:
    alerts = carried.execute(_ALERTS).fetchall()
    more = last + 1 - alerts[0][0] if alerts else last
    until = max(last, alerts[-1][0] + more) if alerts else last
    to.executemany(_ALERT, [(seq + more, *others, now, body) for seq, *others, body in alerts])
    held = carried.execute("SELECT seq, why FROM held").fetchall()
    to.executemany("INSERT OR IGNORE INTO held VALUES (?, ?)", [(seq + more, why) for seq, why in held])
    metadata = carried.execute("SELECT key, body FROM metadata").fetchall()
    to.executemany(_METADATA, [(key, until, body) for key, body in metadata])
    parked = carried.execute("SELECT output, seq, reason, alert FROM parked").fetchall()
    rows = [(output, max(seq + more, 1), now, reason, body) for output, seq, reason, body in parked]
    to.executemany("INSERT OR IGNORE INTO parked VALUES (?, ?, ?, ?, ?)", rows)
    verdicts = carried.execute(_VERDICTS).fetchall()
    to.executemany(
        "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(seq + more, *others, now) for seq, *others in verdicts],
    )
    silences = carried.execute("SELECT ended, silence FROM silences ORDER BY number").fetchall()
    to.executemany("INSERT INTO silences (ended, silence) VALUES (?, ?)", silences)
    to.executemany(_CURSOR, carried.execute("SELECT source, cursor FROM cursors").fetchall())
    positions = carried.execute("SELECT name, mark, state FROM subscribers").fetchall()
    to.executemany(_POSITION, [(name, max(mark + more, 0), state, last) for name, mark, state in positions])
    return until

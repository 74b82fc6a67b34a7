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
from falcohost.store.body import brief_of
from falcohost.store.database import SCHEMA, connect, one
from falcohost.store.ids import keys_of
from falcohost.store.packing import write_packs
from falcohost.store.packs import Pack, packs
from falcohost.store.recent import StoredIds
from falcohost.store.row import Moved

_VERDICTS: Final = "SELECT seq, rule, source, verdict, note, by_name, uid FROM verdicts"

# A cursor that is there stays: the source is read again from it.
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
    (first, highest) = carried.execute("SELECT min(first), max(last) FROM packs").fetchone()
    more = last if first is None else last + 1 - first
    until = last if first is None else max(last, highest + more)
    known = StoredIds(lambda sql, values: to.execute(sql, values).fetchall())
    for pack in packs(carried):  # what is stored already is known by its id
        write_packs(to, _new(pack, more, known), now)
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


def _new(pack: Pack, more: int, known: StoredIds) -> list[Moved]:
    """Return those alerts of *pack* that are not stored, each with a number that is higher by *more*."""
    briefs = [(seq, brief, body) for seq, body in pack.bodies if (brief := brief_of(body)) is not None]
    keys = keys_of(pack.source, [brief.id for _, brief, _ in briefs])
    stored = known.find(keys) if pack.rewinds else ()
    known.renew()
    return [
        Moved(seq + more, bool(pack.rewinds), brief, body, key)
        for (seq, brief, body), key in zip(briefs, keys, strict=True)
        if key not in stored
    ]

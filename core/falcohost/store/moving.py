"""Makes packs of the alerts in files of former versions, which have a row for each, some at a time.

What is moved is a transaction, so a machine that loses power goes on there; meanwhile such a file is read from both
tables (:mod:`falcohost.store.packs`). The pages that are left by some are filled by the next.
"""

from __future__ import annotations

import sqlite3
from itertools import groupby
from typing import Final

from falcohost.store.body import Brief
from falcohost.store.ids import key_of
from falcohost.store.packing import write_packs
from falcohost.store.packs import tables
from falcohost.store.row import Moved

#: So many alerts are moved in a transaction, and about so many bytes of them at most.
MOST: Final = 2000
MOST_BYTES: Final = 4 << 20

_READ: Final = "SELECT stored, seq, rewinds, id, source, time, rule, alert FROM alerts ORDER BY seq LIMIT ?"


def move(connection: sqlite3.Connection) -> None:
    """Move all alerts that are in the table of a former version.

    :raises sqlite3.Error: the file is damaged, or cannot be written; what was moved before stays moved.
    """
    while "alerts" in tables(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _move_some(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _move_some(connection: sqlite3.Connection) -> None:
    found: list[tuple[int, Moved]] = []
    size = 0
    for stored, seq, rewinds, id, source, time, rule, body in connection.execute(_READ, (MOST,)):
        found.append((stored, Moved(seq, bool(rewinds), Brief(id, rule, source, time), body, key_of(source, id))))
        size += len(body)
        if size > MOST_BYTES:
            break
    if not found:
        connection.execute("DROP TABLE alerts")
        return
    for stored, group in groupby(found, lambda one: one[0]):
        write_packs(connection, [row for _, row in group], stored)
    connection.execute("DELETE FROM alerts WHERE seq <= ?", (found[-1][1].seq,))

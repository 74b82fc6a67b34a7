"""Alerts that an output's receiver will never accept, such as one that is too large for it.

They are kept whole and apart, so that the next alerts can be delivered, until somebody sends them again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from falcohost.alert import Alert
from falcohost.errors import StateError
from falcohost.log import log
from falcohost.store.directory import database
from falcohost.store.uri import uri

#: Most parked alerts, and bytes of them; the oldest are given up.
MOST: Final = 10_000
MOST_BYTES: Final = 64 << 20

_ADD: Final = "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?)"


class Parked(Struct, frozen=True):
    """An alert that *output* has refused, its number in the store, and the *reason*."""

    output: str
    seq: int
    reason: str
    alert: Alert


def park(connection: sqlite3.Connection, parked: Iterable[Parked], now: int) -> None:
    """Write *parked* at *now*, in the transaction that has begun; delete the oldest beyond the limits."""
    connection.executemany(_ADD, [(one.output, one.seq, now, one.reason, _encode(one.alert)) for one in parked])
    rows = connection.execute("SELECT rowid, length(alert) FROM parked ORDER BY rowid DESC").fetchall()
    size, gone = 0, []
    for number, (row, length) in enumerate(rows):
        size += length
        if number >= MOST or size > MOST_BYTES:
            gone.append((row,))
    if gone:
        connection.executemany("DELETE FROM parked WHERE rowid = ?", gone)
        log.error("gave up %d alerts that outputs had refused: too many are parked", len(gone))


class ParkedAlerts:
    """What is parked in the store in *directory*, whether or not an agent is running.

    :raises StateError: there is no store, or it cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        self._path = database(directory)
        with self._failures():
            location = uri(self._path, "rw")
            self._connection = sqlite3.connect(location, uri=True, isolation_level=None, timeout=5)

    def read(self, output: str = "") -> list[Parked]:
        """Return what is parked, of all outputs or of one, in the order of the numbers."""
        where, values = (" WHERE output = ?", (output,)) if output else ("", ())
        sql = f"SELECT output, seq, reason, alert FROM parked{where} ORDER BY output, seq"
        with self._failures():
            rows = self._connection.execute(sql, values).fetchall()
            return [Parked(name, seq, reason, _decode(body)) for name, seq, reason, body in rows]

    def remove(self, gone: Iterable[Parked]) -> None:
        """Delete *gone*."""
        keys = [(one.output, one.seq) for one in gone]
        with self._failures():
            self._connection.executemany("DELETE FROM parked WHERE output = ? AND seq = ?", keys)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise StateError(f"the state in {self._path} cannot be used: {error}") from error


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode

"""The store: alerts and their source's cursor in one transaction, read by each output from its own mark.

When the disk is full or gone, what comes is kept in memory and written as soon as that is possible again; until then
no cursor is acknowledged.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import msgspec

from falcohost.alert import Alert
from falcohost.errors import StateError
from falcohost.log import NOTICE, log
from falcohost.store.arrival import Arrival, Row, Stored, write
from falcohost.store.database import connect, is_broken, one, put_aside
from falcohost.store.directory import DATABASE, claim, state_directory
from falcohost.store.limits import IN_MEMORY, Limits
from falcohost.store.surplus import surplus

#: Most alerts that wait in memory for a disk that does not take them.
MOST_UNWRITTEN = 100_000

#: So many of the last alerts are kept in memory until every output has them, so that outputs that keep up read no disk.
MOST_KEPT = 500

#: Seconds after which a disk that did not take something is tried again.
RETRY = 1.0

#: Seconds, and alerts, after which age and size are looked at again.
PRUNE = 60.0
PRUNE_ALERTS = 20_000


class Store:
    """The state of one agent. Every method may be called from any thread.

    :param path: the file; None for a store in memory.
    :param claimed: the descriptor that holds the directory, closed with the store.
    :ivar kept: it outlives the process.
    :ivar last: the number of the last alert; the first is 1.
    :ivar lost: how many alerts were given up before every output had them, because the limits were reached.
    """

    def __init__(self, path: Path | None, limits: Limits, claimed: int | None = None) -> None:
        self.kept = path is not None
        self.lost = 0
        self._path = path
        self._claimed = claimed
        self._limits = limits
        self._lock = threading.Lock()
        self._connection = connect(path)
        self.last: int = one(self._connection, "SELECT coalesce(max(seq), 0) FROM alerts")
        self._marks: dict[str, int] = {}
        self._unwritten: list[Row] = []
        self._latest: deque[Row] = deque(maxlen=MOST_KEPT)
        self._cursors: dict[str, str] = {}
        self._written_cursors = dict(self._connection.execute("SELECT source, cursor FROM cursors"))
        self._seen: set[str] = set()
        self._ended: set[str] = set()
        self._failing = False
        self._retry_at = 0.0
        self._prune_at = 0.0
        self._prune_last = 0

    def append(self, arrivals: Iterable[Arrival]) -> Stored:
        """Store *arrivals* in one transaction. An alert that is there already is not stored again."""
        with self._lock:
            alerts = self._take(arrivals)
            if not self._failing or time.monotonic() >= self._retry_at:
                cursors = self._write()
                if not self._failing:
                    self._prune()
            else:
                cursors = {}
            return Stored(alerts, cursors)

    def cursor(self, source: str) -> str | None:
        """Return how far *source* has been read and stored."""
        return self._written_cursors.get(source)

    @property
    def behind(self) -> bool:
        """Return whether something waits in memory for the disk to take it."""
        return bool(self._unwritten or self._cursors or self._ended)

    @property
    def unwritten(self) -> int:
        """Return how many alerts wait in memory for the disk to take them."""
        return len(self._unwritten)

    @property
    def directory(self) -> Path | None:
        """Return where the store is; None for one in memory."""
        return self._path.parent if self._path is not None else None

    def mark(self, output: str) -> int:
        """Return the number of the last alert that *output* has; a new output begins behind the last that there is."""
        with self._lock:
            row = self._connection.execute("SELECT seq FROM marks WHERE output = ?", (output,)).fetchone()
            if row is None:
                self._note(output, self.last)
            else:
                self._marks[output] = min(row[0], self.last)
            return self._marks[output]

    def set_mark(self, output: str, seq: int) -> None:
        """Take note that *output* has all alerts up to *seq*."""
        with self._lock:
            self._note(output, seq)

    def _note(self, output: str, seq: int) -> None:
        self._marks[output] = seq
        self._forget(min(self._marks.values()))
        sql = "INSERT INTO marks VALUES (?, ?) ON CONFLICT (output) DO UPDATE SET seq = excluded.seq"
        if not self._failing:
            self._try(lambda: self._connection.execute(sql, (output, seq)))

    def read(self, after: int, most: int) -> list[tuple[int, Alert]]:
        """Return up to *most* alerts behind number *after*, each with its number.

        :raises StateError: the file cannot be read.
        """
        sql = "SELECT seq, alert FROM alerts WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._lock:
            if self._latest and self._latest[0].seq <= after + 1:
                begin = after + 1 - self._latest[0].seq
                return [(row.seq, row.alert) for row in islice(self._latest, begin, begin + most)]
            try:
                rows = self._connection.execute(sql, (after, most)).fetchall()
            except sqlite3.Error as error:
                self._fails(error)
                raise StateError(f"the state in {self._path} cannot be read: {error}") from error
            found = [(seq, _decoder.decode(body)) for seq, body in rows]
            if len(found) < most and self._unwritten:
                rest = (row for row in self._unwritten if row.seq > after)
                found += [(row.seq, row.alert) for row, _ in zip(rest, range(most - len(found)), strict=False)]
        return found

    def close(self) -> None:
        """Write what is left and release the file."""
        with self._lock:
            self._write()
            if self._unwritten:
                log.error("%d alerts could not be stored in %s", len(self._unwritten), self._path)
            self._connection.close()
            if self._claimed is not None:
                os.close(self._claimed)

    def _take(self, arrivals: Iterable[Arrival]) -> list[Alert]:
        taken = []
        for arrival in arrivals:
            for alert in arrival.alerts:
                if not (arrival.rewinds and self._known(alert.id)):
                    self.last += 1
                    row = Row(self.last, arrival.rewinds, alert)
                    self._unwritten.append(row)
                    self._latest.append(row)
                    taken.append(alert)
                    if arrival.rewinds:
                        self._seen.add(alert.id)
            if arrival.cursor is not None:
                self._cursors[arrival.source] = arrival.cursor
            if arrival.ended:
                self._ended.add(arrival.source)
        return taken

    def _known(self, alert_id: str) -> bool:
        if alert_id in self._seen:
            return True
        try:
            sql = "SELECT 1 FROM alerts WHERE id = ? AND rewinds"
            return self._connection.execute(sql, (alert_id,)).fetchone() is not None
        except sqlite3.Error as error:
            self._fails(error)
            return False

    def _write(self) -> dict[str, str]:
        """Write all that waits in one transaction; return the cursors that are now written."""
        if not self.behind:
            return {}
        cursors = dict(self._cursors)
        if not self._try(lambda: write(self._connection, self._unwritten, cursors, self._ended)):
            self._bound()
            return {}
        self._written_cursors |= cursors
        for source in self._ended:
            self._written_cursors.pop(source, None)
        for waiting in (self._unwritten, self._seen, self._cursors, self._ended):
            waiting.clear()
        return cursors

    def _try(self, work: Callable[[], object]) -> bool:
        """Return whether *work* was done; if not, it is undone, and said once."""
        try:
            work()
        except sqlite3.Error as error:
            self._fails(error)
            return False
        if self._failing:
            self._failing = False
            log.log(NOTICE, "the state in %s can be written again", self._path)
        return True

    def _fails(self, error: sqlite3.Error) -> None:
        self._retry_at = time.monotonic() + RETRY
        if not self._failing:
            self._failing = True
            log.critical("the state in %s cannot be written (%s); alerts are kept in memory", self._path, error)
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if is_broken(error) and self._path is not None:
                self._connection.close()
                put_aside(self._path, error)
                self._connection = connect(self._path)
        except (sqlite3.Error, StateError, OSError) as again:
            log.debug("the state cannot be mended: %s", again)

    def _bound(self) -> None:
        surplus = len(self._unwritten) - MOST_UNWRITTEN
        if surplus > 0:
            for row in self._unwritten[:surplus]:
                self._seen.discard(row.alert.id)
            self._give_up(self._unwritten[surplus - 1].seq, self._unwritten[0].seq)
            del self._unwritten[:surplus]

    def _prune(self) -> None:
        """Delete what is older or more than the limits say."""
        if time.monotonic() < self._prune_at and self.last < self._prune_last:
            return
        self._prune_at = time.monotonic() + PRUNE
        self._prune_last = self.last + PRUNE_ALERTS
        self._try(self._delete_surplus)

    def _delete_surplus(self) -> None:
        first, until = surplus(self._connection, self._limits, self.last)
        if first and until >= first:
            self._connection.execute("DELETE FROM alerts WHERE seq <= ?", (until,))
            self._give_up(until, first)

    def _forget(self, until: int) -> None:
        """Keep no alert up to number *until* in memory for outputs."""
        while self._latest and self._latest[0].seq <= until:
            self._latest.popleft()

    def _give_up(self, until: int, first: int) -> None:
        self._forget(until)
        behind = min(self._marks.values(), default=until)
        count = until - max(behind, first - 1)
        if count > 0:
            self.lost += count
            log.error("%d alerts that an output never took are given up: the store has reached its limits", count)


def open_store(configured: str, limits: Limits) -> Store:
    """Return the store in the *configured* directory; one in memory, with a warning, if that cannot be used."""
    try:
        directory = state_directory(configured)
        lock = claim(directory)
        try:
            return Store(directory / DATABASE, limits, lock)
        except BaseException:
            os.close(lock)
            raise
    except (StateError, sqlite3.Error, OSError) as error:
        log.warning("%s; this run keeps its state in memory only", error)
        return Store(None, IN_MEMORY)


_decoder: msgspec.msgpack.Decoder[Alert] = msgspec.msgpack.Decoder(Alert)

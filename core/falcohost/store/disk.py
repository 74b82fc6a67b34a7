"""The file of a store, on a disk that may be full, gone or broken for a while.

Failed writes are retried after a pause. A corrupt file is renamed and a new one created.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from falcohost.clock import Clock
from falcohost.errors import StateError
from falcohost.log import NOTICE, log
from falcohost.store.ahead import Ahead
from falcohost.store.database import WAL_SIZE, Connection, connect, is_broken, one, opened, put_aside
from falcohost.store.limits import Limits
from falcohost.store.log_size import LogSize
from falcohost.store.presence import Presence, write_again
from falcohost.store.room import give_back
from falcohost.store.scrub import Scrub

T = TypeVar("T")

#: Seconds between retries after a failure.
RETRY = 1.0

#: A number that no alert has.
_NOWHERE = 1 << 62

#: Most alerts that are taken over from a corrupt file, which takes a second or two.
MOST_SALVAGED = 50_000


class Disk:
    """The database in *path*; None: in memory. Messages call it *shown*; it is to have so many *megabytes* at most.

    :ivar failing: the last access failed.
    :ivar begun: number of new files that replaced a corrupt one, also when this was opened.
    """

    def __init__(
        self, path: Path | None, clock: Clock, shown: Path | None = None, megabytes: int = Limits.megabytes
    ) -> None:
        self.failing = False
        self._path = path
        self._shown = shown or path
        self._clock = clock
        self._retry_at = 0.0
        self._connection, self._aside = opened(path, self._shown)
        self.begun = int(self._aside is not None)
        self.salvage(None)
        self._presence = Presence(path)
        self._ahead = Ahead(path, WAL_SIZE)
        self._log = LogSize(path)
        self._megabytes = megabytes
        self._scrub = Scrub(path, clock)

    @property
    def worth_trying(self) -> bool:
        """Return whether the disk works, or it is time for a retry."""
        return not self.failing or self._clock.monotonic() >= self._retry_at

    def query(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Return the rows that *sql* finds.

        :raises StateError: the file cannot be read.
        """
        return self.read(lambda connection: connection.execute(sql, values).fetchall())

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what *work* returns, which only reads.

        :raises StateError: the file cannot be read.
        """
        try:
            return work(self._connection)
        except sqlite3.Error as error:
            self._fails(error)
            raise StateError(f"the state in {self._shown} cannot be read: {error}") from error

    def change(self, work: Callable[[Connection], object]) -> bool:
        """Run *work* and return whether it succeeded; on failure, roll it back and log the first."""
        try:
            work(self._connection)
        except sqlite3.Error as error:
            self._fails(error)
            return False
        self._log.look(self._connection)
        if self.failing:
            self.failing = False
            log.log(NOTICE, "the state in %s is writable again", self._shown)
        return True

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work* in a transaction, and return what it returns when that is on the disk.

        :raises StateError: *work* raises it, or the disk cannot be written; then nothing has changed.
        """
        done: list[T] = []

        def transaction(connection: sqlite3.Connection) -> None:
            self._connection.wait_for_disk(True)
            connection.execute("BEGIN IMMEDIATE")
            try:
                done.append(work(connection))
            except StateError:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

        if self.failing or not self.change(transaction):
            raise StateError(f"the state in {self._shown} cannot be written now; nothing was changed")
        return done[0]

    @property
    def at_once(self) -> int:
        """Return of how many bytes of alerts a transaction should be at most."""
        return self._log.size // 2

    def waited(self) -> None:
        """Take note that a transaction has waited for the disk."""
        self._ahead.waited()

    def serialized(self) -> bytes:
        """Return all of a database in memory, as a file would have it."""
        return self._connection.serialize()

    def tend(self) -> bool:
        """Look after the file, for some milliseconds; return whether it was gone and was written again.

        What is damaged is put aside, and what is too large becomes smaller.
        """
        if self._regain():
            return True
        if self._path is not None and not self.failing:
            try:
                self._scrub.look()
            except sqlite3.Error as error:
                if is_broken(error):
                    self._fails(error)
            else:
                self.change(lambda connection: give_back(connection, self._megabytes))
        return False

    def _regain(self) -> bool:
        """Write the state to a new file if somebody has deleted or replaced the file; return whether that was done."""
        if self._path is None or not self._presence.is_lost:
            return False
        try:
            write_again(self._connection, self._path)
            self._connection = connect(self._path, self._shown)
        except (sqlite3.Error, StateError, OSError) as error:
            log.debug("the state cannot be written again: %s", error)
            return False
        self._presence.renew()
        self._ahead.renew()
        self._log.renew()
        return True

    def salvage(self, after: int | None) -> int:
        """Take over what can be read of a corrupt file; return how many of its alerts after number *after*.

        None: after the mark of the slowest subscriber, as that file has it.
        """
        aside, self._aside = self._aside, None
        if aside is None:
            return 0
        from falcohost.store.examine import Reader, copy_readable  # only where a file is damaged

        try:
            with Reader(aside) as reader:
                if after is None:
                    ((after,),) = reader.rows("SELECT coalesce(min(mark), ?) FROM subscribers", _NOWHERE)
                copy_readable(reader, self._connection, lambda count: None, after, MOST_SALVAGED)
            return one(self._connection, "SELECT coalesce(sum(count), 0) FROM packs")
        except (sqlite3.Error, StateError) as error:
            log.error("nothing of %s can be taken over: %s", self._shown, error)
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            return 0

    def release(self) -> None:
        """Free the pages of the file that the connection keeps in memory."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _fails(self, error: sqlite3.Error) -> None:
        self._retry_at = self._clock.monotonic() + RETRY
        if not self.failing:
            self.failing = True
            log.critical("the state in %s cannot be written (%s); keeping alerts in memory", self._shown, error)
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if is_broken(error) and self._path is not None:
                self._connection.close()
                self._aside = put_aside(self._path, error, self._shown)
                self._connection = connect(self._path, self._shown)
                self._presence.renew()
                self._ahead.renew()
                self._log.renew()
                self.begun += 1
        except (sqlite3.Error, StateError, OSError) as again:
            log.debug("the state cannot be repaired: %s", again)

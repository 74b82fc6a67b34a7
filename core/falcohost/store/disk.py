"""The file below a store, which may be full, gone or broken for a while.

It is tried again after a pause. A broken file is put aside and a new one begun.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from falcohost.clock import Clock
from falcohost.errors import StateError
from falcohost.log import NOTICE, log
from falcohost.store.database import connect, is_broken, put_aside

#: Seconds after which a disk that did not take something is tried again.
RETRY = 1.0


class Disk:
    """The database in *path*; None: in memory.

    :ivar failing: the last attempt to use it failed.
    :ivar begun: how many files were begun because one was broken.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.failing = False
        self.begun = 0
        self._path = path
        self._clock = clock
        self._retry_at = 0.0
        self._connection = connect(path)

    @property
    def worth_trying(self) -> bool:
        """Return whether it works, or may work again by now."""
        return not self.failing or self._clock.monotonic() >= self._retry_at

    def query(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Return the rows that *sql* finds.

        :raises StateError: the file cannot be read.
        """
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            self._fails(error)
            raise StateError(f"the state in {self._path} cannot be read: {error}") from error

    def change(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Return whether *work* was done; if not, it is undone, and said once."""
        try:
            work(self._connection)
        except sqlite3.Error as error:
            self._fails(error)
            return False
        if self.failing:
            self.failing = False
            log.log(NOTICE, "the state in %s can be written again", self._path)
        return True

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _fails(self, error: sqlite3.Error) -> None:
        self._retry_at = self._clock.monotonic() + RETRY
        if not self.failing:
            self.failing = True
            log.critical("the state in %s cannot be written (%s); alerts are kept in memory", self._path, error)
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if is_broken(error) and self._path is not None:
                self._connection.close()
                put_aside(self._path, error)
                self._connection = connect(self._path)
                self.begun += 1
        except (sqlite3.Error, StateError, OSError) as again:
            log.debug("the state cannot be mended: %s", again)

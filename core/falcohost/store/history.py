"""Reads stored alerts, whether or not the agent is running; never writes."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from falcohost.alert import Alert
from falcohost.clock import SYSTEM
from falcohost.errors import StateError
from falcohost.store.age import stored_age
from falcohost.store.body import decode
from falcohost.store.database import READABLE, SCHEMA
from falcohost.store.directory import database
from falcohost.store.metadata import StoredMetadata
from falcohost.store.silences import Silence, load
from falcohost.store.uri import uri
from falcohost.store.verdicts import KINDS, Judged, Verdict, no_alert

_MOST = 1000

#: The first version of the tables that has verdicts.
_VERDICTS_SINCE = 6
#: The same for silences, and alerts that are held back.
_SILENCES_SINCE = 7


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selects alerts: since *since* (ns since the epoch), of rules that match *rule* (``*?[]``), of *source*.

    :ivar verdict: only those that have this verdict.
    :ivar held: only those that were delivered to nobody; False: only those that were not; None: both.
    """

    since: int = 0
    rule: str = "*"
    source: str = ""
    verdict: str = ""
    held: bool | None = None


def exactly(name: str) -> str:
    """Return a pattern for :class:`Wanted` that matches *name* alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


class StoredAlert(NamedTuple):
    """An alert, its number in the store, the verdict about it, and why it was delivered to nobody (empty: it was)."""

    seq: int
    alert: Alert
    verdict: Verdict | None = None
    held: str = ""


class History:
    """The alerts in a state *directory*.

    :raises StateError: there is no state, or it cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._path = path = database(directory, "there are no alerts")
        try:
            self._connection = sqlite3.connect(uri(path, "ro"), uri=True, timeout=5)
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise StateError(f"the state in {path} cannot be read: {error}") from error
        self._metadata = StoredMetadata(lambda sql, values: self._query(sql, values).fetchall())
        self._version = version
        if version == 0:  # which a file has before its tables are made
            raise StateError(f"there are no alerts yet: {path} is being made; try again")
        if version not in READABLE:
            raise StateError(
                f"the state in {path} was written by another version of falcohost (format {version}, not {SCHEMA})"
            )

    def alerts(self, wanted: Wanted, *, last: int = 0) -> Iterator[Alert]:
        """Yield the *wanted* alerts, oldest first; only the last *last* ones unless that is 0."""
        for stored in self.numbered(wanted, last=last):
            yield stored.alert

    def numbered(self, wanted: Wanted, *, last: int = 0) -> Iterator[StoredAlert]:
        """Yield the *wanted* alerts with what the store knows of them; otherwise as :meth:`alerts`."""
        return self._behind(self._start(wanted, last), wanted)

    def with_id(self, alert: str) -> StoredAlert:
        """Return the alert with the id *alert*; of several, the last.

        :raises StateError: there is none.
        """
        row = self._query("SELECT max(seq) FROM alerts WHERE id = ?", (alert,)).fetchone()
        found = None if row[0] is None else next(self._behind(row[0] - 1, Wanted()), None)
        if found is None:
            raise StateError(no_alert(alert))
        return found

    def follow(self, wanted: Wanted, *, last: int = 0, wait: Callable[[], None]) -> Iterator[StoredAlert]:
        """Yield the *wanted* alerts, then new ones as they arrive; call *wait* when there is nothing new."""
        after = self._start(wanted, last)
        while True:
            for stored in self._behind(after, wanted):
                yield stored
                after = stored.seq
            wait()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _start(self, wanted: Wanted, last: int) -> int:
        """Return the number after which to start."""
        if not last:
            return 0
        where, values = self._where(wanted, 0)
        sql = f"SELECT seq FROM alerts WHERE {where} ORDER BY seq DESC LIMIT 1 OFFSET ?"
        row = self._query(sql, (*values, last)).fetchone()
        return 0 if row is None else int(row[0])

    def _behind(self, after: int, wanted: Wanted) -> Iterator[StoredAlert]:
        """Yield the wanted alerts after number *after*, page by page so that the agent can always write."""
        while True:
            where, values = self._where(wanted, after)
            sql = f"SELECT seq, alert FROM alerts WHERE {where} ORDER BY seq LIMIT {_MOST}"
            page = self._query(sql, values).fetchall()
            verdicts = self._verdicts(page[0][0], page[-1][0]) if page else {}
            held = self._held(page[0][0], page[-1][0]) if page else {}
            for seq, body in page:
                yield StoredAlert(seq, decode(body, self._metadata), verdicts.get(seq), held.get(seq, ""))
            if len(page) < _MOST:
                return
            after = page[-1][0]

    def rules(self) -> list[str]:
        """Return the names of the rules that have alerts."""
        return [name for (name,) in self._query("SELECT DISTINCT rule FROM alerts ORDER BY rule", ())]

    def judged(self) -> dict[str, Judged]:
        """Return how many alerts of each rule have which verdict, also of those that are not stored any more."""
        if self._version < _VERDICTS_SINCE:
            return {}
        found: dict[str, Counter[str]] = {}
        sql = "SELECT rule, verdict, count(*) FROM verdicts GROUP BY rule, verdict ORDER BY rule"
        for rule, verdict, count in self._query(sql, ()):
            found.setdefault(rule, Counter())[verdict] = count
        return {rule: Judged(*(counts[kind] for kind in KINDS)) for rule, counts in found.items()}

    def _verdicts(self, first: int, last: int) -> dict[int, Verdict]:
        if self._version < _VERDICTS_SINCE:
            return {}
        sql = "SELECT seq, verdict, note, by_name, uid, at FROM verdicts WHERE seq BETWEEN ? AND ?"
        return {seq: Verdict(*values) for seq, *values in self._query(sql, (first, last))}

    def silences(self, *, ended: bool = False) -> list[Silence]:
        """Return the silences, with *ended* also those that have ended; those whose time is over may be among them.

        :raises StateError: they cannot be read.
        """
        if self._version < _SILENCES_SINCE:
            return []
        try:
            return load(self._connection, ended=ended)
        except sqlite3.Error as error:
            raise StateError(f"the state in {self._path} cannot be read: {error}") from error

    @property
    def age(self) -> int:
        """Return the seconds of the clock by which alerts age, and silences end."""
        return stored_age(lambda sql: self._query(sql, ()).fetchall(), SYSTEM).now()

    def _held(self, first: int, last: int) -> dict[int, str]:
        if self._version < _SILENCES_SINCE:
            return {}
        return dict(self._query("SELECT seq, why FROM held WHERE seq BETWEEN ? AND ?", (first, last)).fetchall())

    def _where(self, wanted: Wanted, after: int) -> tuple[str, tuple[object, ...]]:
        where, values = "seq > ? AND time >= ? AND rule GLOB ?", [after, wanted.since, wanted.rule]
        if wanted.source:
            where, values = f"{where} AND source = ?", [*values, wanted.source]
        if wanted.verdict:
            where, values = f"{where} AND seq IN ({self._judged_so})", [*values, wanted.verdict]
        if wanted.held is not None:
            where = f"{where} AND seq {'' if wanted.held else 'NOT '}IN ({self._held_back})"
        return where, tuple(values)

    @property
    def _judged_so(self) -> str:
        return "SELECT seq FROM verdicts WHERE verdict = ?" if self._version >= _VERDICTS_SINCE else "SELECT ? WHERE 0"

    @property
    def _held_back(self) -> str:
        return "SELECT seq FROM held" if self._version >= _SILENCES_SINCE else "SELECT 0 WHERE 0"

    def _query(self, sql: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise StateError(f"the state in {self._path} cannot be read: {error}") from error

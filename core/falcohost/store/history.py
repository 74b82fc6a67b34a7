"""Reads stored alerts, whether or not the agent is running; never writes."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from falcohost.alert import Alert
from falcohost.clock import SYSTEM
from falcohost.errors import StateError
from falcohost.store.age import stored_age
from falcohost.store.body import brief_of, decode
from falcohost.store.database import READABLE, SCHEMA
from falcohost.store.directory import database
from falcohost.store.metadata import StoredMetadata
from falcohost.store.packs import Pack, bodies, packs, with_id
from falcohost.store.silences import Silence, load
from falcohost.store.uri import uri
from falcohost.store.verdicts import KINDS, Judged, Verdict, no_alert

#: So many alerts are decoded at once, and so many are looked at for these.
_MOST = 1000
_MOST_LOOKED = 10_000

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
        with self._failures():
            known = with_id(self._connection, alert)
        found = None if known is None else next(self._behind(known[0] - 1, Wanted()), None)
        if found is None:
            raise StateError(no_alert(alert))
        return found

    def follow(self, wanted: Wanted, *, last: int = 0, wait: Callable[[], None]) -> Iterator[StoredAlert]:
        """Yield the *wanted* alerts, then new ones as they arrive; call *wait* when there is nothing new."""
        after = self._start(wanted, last)
        while True:
            for looked, stored in self._pages(after, wanted):
                yield from stored
                after = looked
            wait()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _start(self, wanted: Wanted, last: int) -> int:
        """Return the number after which to start."""
        if not last:
            return 0
        with self._failures():
            matching = self._matching(wanted)
            for pack in packs(self._connection, last_first=True):
                for seq, _ in matching(pack):
                    last -= 1
                    if last < 0:
                        return seq
        return 0

    def _behind(self, after: int, wanted: Wanted) -> Iterator[StoredAlert]:
        for _, stored in self._pages(after, wanted):
            yield from stored

    def _pages(self, after: int, wanted: Wanted) -> Iterator[tuple[int, Iterator[StoredAlert]]]:
        """Yield the wanted alerts after number *after*, page by page so that the agent can always write.

        With each page, yield the number up to which alerts were looked at.
        """
        while True:
            page: list[tuple[int, bytes]] = []
            looked = after
            with self._failures():
                matching, seen = self._matching(wanted), 0
                for pack in packs(self._connection, after):
                    page += matching(pack)
                    seen += len(pack.bodies)
                    looked = pack.bodies[-1][0]
                    if seen >= _MOST_LOOKED or len(page) >= _MOST:
                        break
            yield looked, self._stored(page)
            if looked == after:
                return
            after = looked

    def _stored(self, page: Sequence[tuple[int, bytes]]) -> Iterator[StoredAlert]:
        verdicts = self._verdicts(page[0][0], page[-1][0]) if page else {}
        held = self._held(page[0][0], page[-1][0]) if page else {}
        for seq, body in page:
            yield StoredAlert(seq, decode(body, self._metadata), verdicts.get(seq), held.get(seq, ""))

    def rules(self) -> list[str]:
        """Return the names of the rules that have alerts."""
        with self._failures():
            return sorted({brief.rule for _, body in bodies(self._connection) if (brief := brief_of(body)) is not None})

    def judged(self) -> dict[str, Judged]:
        """Return how many alerts of each rule have which verdict, also of those that are not stored any more."""
        if not self._has_verdicts:
            return {}
        found: dict[str, Counter[str]] = {}
        sql = "SELECT rule, verdict, count(*) FROM verdicts GROUP BY rule, verdict ORDER BY rule"
        for rule, verdict, count in self._query(sql, ()):
            found.setdefault(rule, Counter())[verdict] = count
        return {rule: Judged(*(counts[kind] for kind in KINDS)) for rule, counts in found.items()}

    @property
    def _has_verdicts(self) -> bool:
        return bool(self._version >= _VERDICTS_SINCE)

    def _verdicts(self, first: int, last: int) -> dict[int, Verdict]:
        if not self._has_verdicts:
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
        with self._failures():
            return stored_age(self._connection, SYSTEM).now()

    def _held(self, first: int, last: int) -> dict[int, str]:
        if self._version < _SILENCES_SINCE:
            return {}
        return dict(self._query("SELECT seq, why FROM held WHERE seq BETWEEN ? AND ?", (first, last)).fetchall())

    def _matching(self, wanted: Wanted) -> Callable[[Pack], list[tuple[int, bytes]]]:
        """Return a function that returns the wanted alerts of a pack."""
        since, source, matches = wanted.since, wanted.source, self._matches(wanted.rule)
        judged: set[int] = set()
        if wanted.verdict and self._has_verdicts:
            sql = "SELECT seq FROM verdicts WHERE verdict = ?"
            judged = {seq for (seq,) in self._query(sql, (wanted.verdict,))}
        if not (since or wanted.verdict or wanted.held is not None or wanted.rule != "*"):
            return lambda pack: pack.bodies if source in ("", pack.source) else []

        def matching(pack: Pack) -> list[tuple[int, bytes]]:
            if source not in ("", pack.source) or pack.latest < since:
                return []
            found = pack.bodies if not wanted.verdict else [one for one in pack.bodies if one[0] in judged]
            if found and wanted.held is not None:
                held = self._held(*sorted((pack.bodies[0][0], pack.bodies[-1][0])))
                found = [one for one in found if (one[0] in held) is wanted.held]
            if since or wanted.rule != "*":
                briefs = [(one, brief_of(one[1])) for one in found]
                found = [one for one, brief in briefs if brief and brief.time >= since and matches(brief.rule)]
            return found

        return matching

    def _matches(self, pattern: str) -> Callable[[str], bool]:
        """Return a function that returns whether a rule matches *pattern*."""

        @functools.cache
        def matches(rule: str) -> bool:
            return bool(self._query("SELECT ? GLOB ?", (rule, pattern)).fetchone()[0])

        return matches

    def _query(self, sql: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        with self._failures():
            return self._connection.execute(sql, values)

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"the state in {self._path} cannot be read: {error}") from error

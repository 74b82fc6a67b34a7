"""The tables, in one SQLite file: alerts by number, each source's cursor, each subscriber's mark and state.

The file is in WAL mode, so that a process that dies loses no committed transaction (sqlite.org/wal.html).
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import time
from pathlib import Path

from falcohost.errors import StateError
from falcohost.log import log
from falcohost.store.log_size import LONGEST, bound_log
from falcohost.store.moving import move

#: Version of the tables. A file with a lower version is migrated, one with a higher version is not touched.
SCHEMA = 8

#: Versions that can be read without a migration.
READABLE = (1, 2, 3, 4, 5, 6, 7, 8)

_SUBSCRIBERS = "CREATE TABLE subscribers (name TEXT PRIMARY KEY, mark INTEGER NOT NULL, state BLOB) STRICT;"

#: Bytes of a page in a new file; one of a former version keeps its pages of 4 KiB. Each page that is written takes two
#: calls of the kernel, and a page of 4 KiB has room for four alerts. With larger pages a single alert takes more of the
#: disk: what is written for it is whole pages, of the alerts, of the index and of cursors.
PAGE = 8192

#: How long the WAL becomes: with these pages, each with 24 bytes before it, and what the last transaction adds.
WAL_SIZE = LONGEST // 4096 * (4096 + 24) + (1 << 20)

#: So many corrupt files stay beside the database, each as large as it was.
MOST_BROKEN = 3

#: Errors about the content of a file. There is another one if its log was cut off.
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

#: *last*: the number of an alert with it; until metadata are written again, alerts that are not many later have it too.
_METADATA = "CREATE TABLE metadata (key INTEGER PRIMARY KEY, last INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"

#: Alerts (:mod:`falcohost.store.packs`), found by the *last* of their numbers; *earliest*, *latest*: the times of their
#: events; *stored* is by the clock of :mod:`falcohost.store.age`. And their ids (:mod:`falcohost.store.ids`).
_PACKS = """
CREATE TABLE packs (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    source TEXT NOT NULL,
    rewinds INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    places BLOB NOT NULL,
    bodies BLOB NOT NULL
) STRICT;
CREATE TABLE ids (id BLOB PRIMARY KEY, pack INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

#: One row: the clock by which alerts age (:mod:`falcohost.store.age`).
_AGE = """
CREATE TABLE age (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    boot TEXT NOT NULL,
    monotonic REAL NOT NULL,
    wall INTEGER NOT NULL,
    seconds INTEGER NOT NULL
) STRICT;
"""

#: Alerts that an output will never accept, whole, and why; *at* is by the clock of :mod:`falcohost.store.age`.
_PARKED = """
CREATE TABLE parked (
    output TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    alert BLOB NOT NULL,
    PRIMARY KEY (output, seq)
) STRICT;
"""

#: Verdicts about alerts (:mod:`falcohost.store.verdicts`); *seq* is the alert's number.
_VERDICTS = """
CREATE TABLE verdicts (
    seq INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    source TEXT NOT NULL,
    verdict TEXT NOT NULL,
    note TEXT NOT NULL,
    by_name TEXT NOT NULL,
    uid INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
"""

#: Silences (:mod:`falcohost.store.silences`); *ended*: when, in seconds since the epoch, or 0. And the numbers of
#: alerts that are delivered to nobody, with the reason.
_SILENCES = """
CREATE TABLE silences (number INTEGER PRIMARY KEY AUTOINCREMENT, ended INTEGER NOT NULL, silence BLOB NOT NULL) STRICT;
CREATE TABLE held (seq INTEGER PRIMARY KEY, why TEXT NOT NULL) STRICT;
"""

_TABLES = f"""
{_PACKS}
CREATE TABLE cursors (source TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;
{_SUBSCRIBERS}
{_METADATA}
{_AGE}
{_PARKED}
{_VERDICTS}
{_SILENCES}
"""

#: SQL that migrates a file to the next version.
_MIGRATIONS = {
    1: f"{_SUBSCRIBERS} INSERT INTO subscribers SELECT output, seq, NULL FROM marks; DROP TABLE marks;",
    2: _METADATA,
    3: f"""
        DROP INDEX once;
        CREATE UNIQUE INDEX once ON alerts (id, source) WHERE rewinds;
        {_AGE}
        UPDATE alerts SET stored = (SELECT stored FROM alerts ORDER BY seq DESC LIMIT 1)
            WHERE stored > (SELECT stored FROM alerts ORDER BY seq DESC LIMIT 1);
    """,
    4: _PARKED,
    5: _VERDICTS,
    6: _SILENCES,
    7: f"DROP INDEX IF EXISTS once; {_PACKS}",  # falcohost.store.moving moves what is in the former table
}


class Connection(sqlite3.Connection):
    """A connection that knows whether its transactions wait for the disk."""

    _waits = False

    def wait_for_disk(self, on: bool) -> None:
        """Have the next transactions wait until they are on the disk, or no longer. Not inside a transaction.

        A process that dies loses none of them either way; a machine may lose the last that have not waited.
        """
        if on is not self._waits:
            self.execute(f"PRAGMA synchronous = {'FULL' if on else 'NORMAL'}")
            self._waits = on


def connect(path: Path | None, shown: Path | None = None) -> Connection:
    """Return a connection to the state in *path*, as :func:`opened` opens it."""
    return opened(path, shown)[0]


def opened(path: Path | None, shown: Path | None = None) -> tuple[Connection, Path | None]:
    """Return a connection to the state in *path*, and where a file is now that was corrupt or none (else None).

    A missing file is created; None: in memory. Messages call it *shown*. A file that is not a database, or is corrupt,
    is renamed and a new one is created.

    :raises StateError: the file cannot be used.
    """
    if path is None:
        return _prepared(":memory:", None), None
    shown = shown or path
    try:
        return _prepared(str(path), shown), None
    except sqlite3.DatabaseError as error:
        if not is_broken(error):
            raise StateError(f"the state in {shown} cannot be used: {error}") from error
        aside = put_aside(path, error, shown)
    try:
        return _prepared(str(path), shown), aside
    except sqlite3.Error as error:
        raise StateError(f"the state in {shown} cannot be used: {error}") from error


def one(connection: sqlite3.Connection, sql: str, *values: int) -> int:
    """Return the single number that *sql* selects with these *values*."""
    (value,) = connection.execute(sql, values).fetchone()
    return int(value)


def is_broken(error: sqlite3.Error) -> bool:
    """Return whether *error* is about the content of the file, not about the disk or the file system."""
    code = getattr(error, "sqlite_errorcode", None)  # missing if Python itself raised the error
    return code is not None and (code & 0xFF in _BROKEN or code == sqlite3.SQLITE_IOERR_SHORT_READ)


def broken_name(path: Path) -> Path:
    """Return a new name for a corrupt file beside *path*, with a number that is larger than those of others."""
    number = 1 + max((number for number, _, _ in _put_aside(path)), default=0)
    return path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}.{number}")


def remove_surplus(path: Path, shown: Path | None = None) -> list[str]:
    """Remove corrupt files that were put aside, but for the newest; return the names of those that are gone.

    Messages call *path* *shown*.
    """
    parts = sorted(_put_aside(path))
    surplus = sorted({part[:2] for part in parts})[:-MOST_BROKEN]
    gone = []
    for name in (part[2] for part in parts if part[:2] in surplus):
        try:
            path.with_name(name).unlink()
        except OSError as error:
            log.warning("%s cannot be removed: %s", (shown or path).with_name(name), error.strerror)
        else:
            gone.append(name)
    return gone


def _put_aside(path: Path) -> list[tuple[int, str, str]]:
    """Return of each part of a corrupt file beside *path* the number, the time and the name.

    They are ordered by their numbers, since somebody may set the clock. In former versions they had none.
    """
    form = re.compile(rf"{re.escape(path.name)}\.broken-([0-9]{{8}}T[0-9]{{6}})(?:\.([0-9]+))?(?:-wal|-shm)?")
    there = [found for one in path.parent.iterdir() if (found := form.fullmatch(one.name)) and one.is_file()]
    return [(int(found[2] or 0), found[1], found[0]) for found in there]


def put_aside(path: Path, error: sqlite3.Error, shown: Path | None = None) -> Path:
    """Rename a corrupt file, so that a new one can be created and the old one examined; return its new path.

    Messages call it *shown*.
    """
    aside = broken_name(path)
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    gone = remove_surplus(path, shown)
    shown = shown or path
    text = "the state in %s is corrupt (%s); it was renamed to %s, and a new one is created"
    log.error(text, shown, error, shown.with_name(aside.name))
    if gone:
        log.warning("the newest %d corrupt files are kept; removed %s", MOST_BROKEN, ", ".join(gone))
    return aside


def _make_private(name: str) -> None:
    """Create the file if it is missing, and take it from everybody but its owner; SQLite gives its others its mode."""
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        status = os.fstat(descriptor)
        if stat.S_IMODE(status.st_mode) & 0o077 and status.st_uid == os.geteuid():
            os.fchmod(descriptor, 0o600)
            for other in (Path(f"{name}-wal"), Path(f"{name}-shm")):
                if other.is_file() and not other.is_symlink():
                    other.chmod(0o600)
    finally:
        os.close(descriptor)


def _prepared(name: str, shown: Path | None) -> Connection:
    if name != ":memory:":
        _make_private(name)
    connection = sqlite3.connect(name, isolation_level=None, check_same_thread=False, timeout=5, factory=Connection)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE}")  # of a new file
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # likewise (falcohost.store.room)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # For each page that a statement changes, its content before, in case the statement fails.
        connection.execute("PRAGMA temp_store = MEMORY")
        bound_log(connection, None if name == ":memory:" else name)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise StateError(
                f"the state in {shown} was written by a newer falcohost; use that version, or remove the file"
            )
        if version < SCHEMA:
            steps = "".join(_MIGRATIONS[old] for old in range(version, SCHEMA)) if version else _TABLES
            connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA}; COMMIT")
        move(connection)
        connection.execute("SELECT max(last) FROM packs").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection

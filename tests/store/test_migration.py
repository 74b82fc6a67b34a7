"""Files of earlier versions: a store opens them and loses nothing; those of later ones are left alone."""

import contextlib
import sqlite3
import stat

import msgspec
import pytest

from falcohost.alert import RuleMetadata
from falcohost.errors import StateError
from falcohost.store.arrival import Arrival
from falcohost.store.body import encode
from falcohost.store.database import PAGE, SCHEMA, connect, one
from falcohost.store.history import History, Wanted
from falcohost.store.limits import Limits
from falcohost.store.metadata import key_of
from falcohost.store.opened import open_store
from falcohost.store.store import Store
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

VERSION_1 = """
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    rewinds INTEGER NOT NULL,
    time INTEGER NOT NULL,
    rule TEXT NOT NULL,
    source TEXT NOT NULL,
    stored INTEGER NOT NULL,
    alert BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX once ON alerts (id) WHERE rewinds;
CREATE TABLE cursors (source TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE marks (output TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
"""

VERSION_3 = """
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    rewinds INTEGER NOT NULL,
    time INTEGER NOT NULL,
    rule TEXT NOT NULL,
    source TEXT NOT NULL,
    stored INTEGER NOT NULL,
    alert BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX once ON alerts (id) WHERE rewinds;
CREATE TABLE cursors (source TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE subscribers (name TEXT PRIMARY KEY, mark INTEGER NOT NULL, state BLOB) STRICT;
CREATE TABLE metadata (key INTEGER PRIMARY KEY, last INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
PRAGMA user_version = 3;
"""

NAMES = ["a", "b", "c", "d"]


def of_version_1(name):
    """Return an alert as version 1 wrote it: a map of these eleven members."""
    return {
        "id": name, "rule": f"rule {name}", "priority": 4, "source": "test", "time": 1_700_000_000_123_456_789,
        "message": f"rule {name} fired", "output": f"22:13:20.123456789: Warning rule {name} fired",
        "fields": {"evt.time": 1_700_000_000_123_456_789}, "tags": ["test"], "hostname": "localhost", "count": 1,
    }  # fmt: skip


def renamed(name):
    """Return the same alert as it is now."""
    return msgspec.structs.replace(alert(name), id=name)


@pytest.fixture
def path(tmp_path):
    """Return a file of version 1: four alerts, the second read by an output, and a source with a cursor."""
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(VERSION_1)
    for number, name in enumerate(NAMES, 1):
        row = (number, name, 1, 1_700_000_000_123_456_789, f"rule {name}", "test", 1_700_000_000)
        connection.execute(
            "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, msgspec.msgpack.encode(of_version_1(name)))
        )
    connection.execute("INSERT INTO cursors VALUES ('test', '4')")
    connection.execute("INSERT INTO marks VALUES ('stdout', 2)")
    connection.commit()
    connection.close()
    return path


def version(path):
    """Return the version that the file says it is of."""
    with sqlite3.connect(path) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_a_file_of_version_1_opens(path):
    """Alerts, cursors and marks are what they were, and what comes again is still refused."""
    store = Store(path, Limits(days=10_000))

    assert [renamed(name) for name in NAMES] == [one for _, one in store.read(0, 10)]
    assert ("4", (2, None)) == (store.cursor("test"), store.subscribe("stdout"))
    again = store.append([Arrival("test", [renamed("d"), renamed("e")], "5", rewinds=True)])
    assert ["e"] == [one.id for one in again.alerts]
    assert SCHEMA == version(path)


def test_it_is_migrated_once(path):
    """Alerts stored after the migration are there when the file is opened again."""
    store = Store(path, Limits(days=10_000))
    store.answer("stdout", 4, state=b"state")
    store.close()

    again = Store(path, Limits(days=10_000))

    assert ((4, b"state"), NAMES) == (again.subscribe("stdout"), [one.id for _, one in again.read(0, 10)])


def test_a_migration_that_fails_changes_nothing(path):
    """It is one transaction: where a step of it cannot be, the file stays as it was, for the version that wrote it."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE subscribers (x)")

    with pytest.raises(StateError, match="table subscribers already exists"):
        Store(path, Limits())

    with sqlite3.connect(path) as connection:
        assert [("stdout", 2)] == connection.execute("SELECT * FROM marks").fetchall()
    assert 1 == version(path)


def test_alerts_of_version_1_are_read_without_a_migration(path):
    """``falcohost alerts`` reads a file that no agent has opened since the update, and leaves it as it is."""
    history = History(path.parent)

    assert NAMES == [one.id for one in history.alerts(Wanted())]
    assert 1 == version(path)


def test_a_newer_file_is_left_alone(path, caplog):
    """A file of a later version is not touched; the run keeps its state in memory and says why."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")

    assert not open_store(str(path.parent), Limits()).kept

    assert "was written by a newer falcohost; use that version, or remove the file" in caplog.text
    assert SCHEMA + 1 == version(path)


@pytest.fixture
def path_3(tmp_path):
    """Return a file of version 3: four alerts, the second by a clock that was ahead, and what belongs to them."""
    path = tmp_path / "state.db"
    metadata = RuleMetadata(description="d", file="f")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(VERSION_3)
    for number, name in enumerate(NAMES, 1):
        stored = 1_700_000_000 + number + (365 * 86_400 if name == "b" else 0)
        row = (number, name, 1, 1_700_000_000_123_456_789, f"rule {name}", "test", stored)
        body = encode(msgspec.structs.replace(renamed(name), metadata=metadata))
        connection.execute("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, body))
    connection.execute("INSERT INTO cursors VALUES ('test', '4')")
    connection.execute("INSERT INTO subscribers VALUES ('stdout', 2, x'01')")
    connection.execute("INSERT INTO metadata VALUES (?, 4, ?)", (key_of(metadata), msgspec.msgpack.encode(metadata)))
    connection.commit()
    connection.close()
    path.chmod(0o644)
    return path


def test_a_file_of_version_3_opens(path_3):
    """Alerts, cursors, marks and metadata are what they were; what comes again is refused, of the same source only."""
    store = Store(path_3, Limits(), clock=ManualClock(2_000_000_000 * 10**9))

    assert [(name, "d") for name in NAMES] == [(one.id, one.metadata.description) for _, one in store.read(0, 10)]
    assert ("4", (2, b"\x01")) == (store.cursor("test"), store.subscribe("stdout"))
    again = [Arrival("test", [renamed("d"), renamed("e")], "5", rewinds=True)]
    others = [msgspec.structs.replace(renamed("d"), source="other")]
    assert ["e", "d"] == [one.id for one in store.append([*again, Arrival("other", others, rewinds=True)]).alerts]
    assert SCHEMA == version(path_3)


def test_alerts_of_version_3_do_not_age_at_once(path_3):
    """They were stored by the time of day. What was ahead no longer is; the time since then counts as a day."""
    clock = ManualClock(2_000_000_000 * 10**9)
    store = Store(path_3, Limits(), clock=clock)
    store.append([])
    assert NAMES == [one.id for _, one in store.read(0, 10)]

    clock.advance(29 * 86_400)
    store.answer("x", 4)
    assert ["b", "c", "d"] == [one.id for _, one in store.read(0, 10)]


def test_a_file_that_others_may_read_is_closed(path_3):
    """An earlier version, or somebody, may have let others read it."""
    store = Store(path_3, Limits())
    store.append([])

    assert [0o600] * 3 == [stat.S_IMODE(file.stat().st_mode) for file in sorted(path_3.parent.glob("state.db*"))]


def test_pages(path, tmp_path):
    """A new file has larger pages than one of a former version, which keeps its own; the logs of both are as long."""
    for file, size in ((path, 4096), (tmp_path / "new.db", PAGE)):
        with contextlib.closing(connect(file)) as connection:
            assert size == one(connection, "PRAGMA page_size")
            assert 16_384_000 == size * one(connection, "PRAGMA wal_autocheckpoint")

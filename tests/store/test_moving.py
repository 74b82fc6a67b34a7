"""Alerts in files of a former version are moved into packs, also where the machine stops in the middle."""

import contextlib
import os
import signal
import sqlite3
import time

import msgspec
import pytest

from falcohost.store import moving
from falcohost.store.arrival import Arrival
from falcohost.store.database import PAGE, connect
from falcohost.store.examine import overview, problems, repair
from falcohost.store.history import History, Wanted
from falcohost.store.limits import Limits
from falcohost.store.packs import tables
from falcohost.store.store import Store
from falcohost.testing.outputs import alert

COUNT = 1000


@pytest.fixture
def old(store, path, clock, former):
    """Return a file of version 7: alerts of three sources, one of which does not come again, and an output's mark."""
    store.subscribe("output")
    for begin in range(0, COUNT, 4):
        arrivals = [
            Arrival(source, [of(source, number)], f"{number}", rewinds=source != "kernel")
            for number, source in enumerate(("a", "b", "kernel", "a"), begin)
        ]
        store.append(arrivals)
        clock.advance(1)
    store.answer("output", 100, state=b"state")
    store._disk.query("INSERT INTO held VALUES (7, 'silence 1')")
    store.close()
    former(path, 7)
    return path


def of(source, number):
    """Return an alert of *source*."""
    one = alert("x" * (number % 300))
    return msgspec.structs.replace(one, id=f"{number:032x}", source=source, rule=f"rule {number % 7}", time=number)


def content(path):
    """Return what commands read of a file."""
    history = History(path.parent)
    found = [
        [(one.seq, one.alert, one.held) for one in history.numbered(wanted, last=last)]
        for wanted in (Wanted(), Wanted(since=500, rule="rule [23]"), Wanted(source="b"), Wanted(held=True))
        for last in (0, 5)
    ]
    found.append([history.rules(), history.with_id(f"{11:032x}").seq, history.age > 0])
    history.close()
    seen = overview(path.parent)
    marks = [msgspec.structs.replace(one, lag=one.lag > 0) for one in seen.marks]
    return found, msgspec.structs.replace(seen, size=0, marks=marks)


def test_nothing_changes(old, clock):
    """All of it is read as before by commands, before and after, and by the store; what comes again is known."""
    before = content(old)
    store = Store(old, Limits(), clock=clock)

    assert before == content(old)
    assert ["packs"] == tables(sqlite3.connect(old))
    assert [of("kernel" if n % 4 == 2 else "b" if n % 4 == 1 else "a", n) for n in range(COUNT)] == [
        one for _, one in store.read(0, 2000)
    ]
    again = [of("a", 3), of("a", COUNT)]
    assert [again[1]] == store.append([Arrival("a", again, "x", rewinds=True)]).alerts
    assert (100, b"state") == store.subscribe("output")
    assert [("ok",)] == store._disk.query("PRAGMA integrity_check")


@pytest.mark.parametrize("stop", [0, 1, 3, 8])
def test_it_stops_in_the_middle(old, clock, monkeypatch, stop):
    """What is half moved is read as before; the next start goes on; and a repair of it takes all."""
    before = content(old)
    monkeypatch.setattr(moving, "MOST", 100)
    some, left = moving._move_some, [stop]

    def stops(connection):
        left[0] -= 1
        if left[0] < 0:
            raise sqlite3.OperationalError("database or disk is full")
        some(connection)

    monkeypatch.setattr(moving, "_move_some", stops)
    with pytest.raises(sqlite3.OperationalError, match="is full"):
        moving.move(migrated(old))

    assert ["packs", "alerts"] == tables(sqlite3.connect(old))
    assert before == content(old)
    assert [] == problems(old.parent)
    monkeypatch.undo()
    assert (COUNT, 0) == (repair(old.parent).alerts, 0)
    assert before == content(old)
    Store(old, Limits(), clock=clock).close()
    assert before == content(old)


@pytest.mark.parametrize("half", [False, True])
def test_a_damaged_file(old, clock, monkeypatch, half):
    """Of a file of a former version that is damaged, what can be read is taken over from where it is."""
    if half:
        monkeypatch.setattr(moving, "MOST", 300)
        connection = migrated(old)
        moving._move_some(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    with contextlib.closing(sqlite3.connect(old)) as connection:
        try:
            sql = "SELECT pageno FROM dbstat WHERE name = 'alerts' AND path != '/' ORDER BY path"
            page = [number for (number,) in connection.execute(sql)][-5]
        except sqlite3.OperationalError as error:
            pytest.skip(f"this SQLite cannot say which pages are whose: {error}")
    with old.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(os.urandom(PAGE))

    store = Store(old, Limits(), clock=clock)
    found = [seq for seq, _ in store.read(100, 2000)]
    assert (1, ["packs"]) == (store.begun, tables(store._disk._connection))
    assert (101, COUNT) == (found[0], found[-1])
    assert COUNT - 100 - 60 < len(found) < COUNT - 100
    assert sorted(set(found)) == found
    assert (100, b"state") == store.subscribe("output")


def migrated(path):
    """Return a connection to a file whose tables are those of this version, and nothing is moved yet."""
    connection = sqlite3.connect(path, isolation_level=None)
    with contextlib.closing(connect(None)) as new:
        sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name IN ('packs', 'ids')"
        tables = "; ".join(one for (one,) in new.execute(sql))
    connection.executescript(f"BEGIN; DROP INDEX once; {tables}; PRAGMA user_version = 8; COMMIT")
    return connection


def test_kills(old, clock, monkeypatch):
    """A process that moves them is killed again and again: nothing is lost, nothing doubled."""
    before = content(old)
    monkeypatch.setattr(moving, "MOST", 10)
    for number in range(12):
        child = os.fork()
        if not child:
            connect(old)
            os._exit(0)
        time.sleep(0.002 * number)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert before == content(old)
    Store(old, Limits(), clock=clock).close()
    assert before == content(old)

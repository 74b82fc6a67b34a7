"""A store whose disk is full, broken or too small: nothing is lost that need not be, and what is, is told."""

import sqlite3

import msgspec

from falcohost.errors import StateError
from falcohost.store.arrival import Arrival
from falcohost.store.database import PAGE
from falcohost.store.limits import Limits
from falcohost.store.room import give_back
from falcohost.store.store import Store
from falcohost.testing.outputs import alert

DAY = 86_400


def test_old_alerts_are_deleted(store, clock, caplog, arrival, names):
    """Alerts older than the limit are deleted; those that an output never had are counted."""
    store.subscribe("output")
    store.append([arrival("a")])
    clock.advance(10 * DAY)
    store.append([arrival("b")])
    clock.advance(25 * DAY)
    store.append([arrival("c")])

    assert names(store) == ["b", "c"]
    assert store.lost == 1
    assert "deleted 1 alerts that an output has not taken" in caplog.text


def test_size_is_bounded(path, clock, names):
    """The oldest alerts go when the file is full, so that it stays about as large as it may be."""
    store = Store(path, Limits(megabytes=1), clock=clock)
    big = alert("x" * 2000)
    for number in range(40):
        clock.advance(60)
        store.append([Arrival("source", [msgspec.structs.replace(big, id=f"{number}.{n}") for n in range(50)])])

    assert path.stat().st_size < 3 << 20
    assert names(store, most=10_000)[-1] == "39.49"
    assert 0 < len(names(store, most=10_000)) < 2000


def test_size_is_looked_at_now_and_then(store, clock, arrival):
    """Age and size are looked at once a minute, not with every alert."""
    statements = []
    store._disk.change(lambda connection: connection.set_trace_callback(statements.append))
    for name, seconds in (("a", 0), ("b", 30), ("c", 29), ("d", 1), ("e", 1)):
        clock.advance(seconds)
        store.append([arrival(name)])

    assert 2 == statements.count("PRAGMA page_count")


def fill(store, pages):
    """Let the file have so many pages; the least is what there is (sqlite.org/pragma.html)."""
    store._disk.change(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))


def test_a_file_that_could_not_be_read(store, path, clock, arrival, monkeypatch):
    """What comes again while the file cannot be read is looked for before anything is written, and stored once."""
    store.append([arrival("a", "b")])
    query, asked = store._ids._query, []

    def fails(sql, values):
        asked.append(values)
        raise StateError("the file cannot be read")

    store._ids.renew()
    monkeypatch.setattr(store._ids, "_query", fails)
    store.append([arrival("b", "c", cursor="3")])
    store.append([arrival("d", "e", rewinds=False)])
    assert (True, 4, None) == (bool(asked), store.unwritten, store.cursor("source"))

    monkeypatch.setattr(store._ids, "_query", query)
    clock.advance(1)
    assert {"source": "3"} == store.append([]).cursors
    store.close()
    again = Store(path, Limits())
    assert [*"abcde"] == [one.id for _, one in again.read(0, 10)]


def test_a_full_disk_loses_nothing(store, path, clock, caplog, arrival, names):
    """While the file takes nothing alerts are read from memory and no cursor is acknowledged; then all is written."""
    caplog.set_level("INFO")
    store.append([arrival("a", cursor="1")])
    fill(store, 1)
    big = [msgspec.structs.replace(alert("x" * 5000), id=f"big{number}") for number in range(20)]

    refused = store.append([Arrival("source", big, "2", rewinds=True)])
    assert len(refused.alerts) == 20
    assert (refused.cursors, store.cursor("source"), store.behind) == ({}, "1", True)
    assert names(store) == ["a", *(one.id for one in big)]
    assert store.append([Arrival("source", big, "2", rewinds=True)]).alerts == []
    assert "database or disk is full" in caplog.text

    fill(store, 1_000_000)
    clock.advance(1)
    assert store.append([]).cursors == {"source": "2"}
    store.append([arrival("b")])
    assert names(Store(path, Limits())) == ["a", *(one.id for one in big), "b"]
    assert 1 == caplog.messages.count(f"the state in {path} is writable again")


def test_what_waits_is_written_at_the_end(store, path, caplog, names):
    """Closing tries the disk once more, at once; what it still does not take is told."""
    fill(store, 1)
    store.append([Arrival("source", [alert("x" * 5000)] * 20)])
    fill(store, 1_000_000)
    store.close()
    assert 20 == len(names(Store(path, Limits())))

    other = Store(path, Limits())
    fill(other, 1)
    other.append([Arrival("source", [alert("x" * 5000)] * 20)])
    other.close()
    assert f"20 alerts could not be stored in {path}, and are not delivered in the next run" in caplog.messages


def test_an_answer_waits_for_a_full_disk_as_a_whole(store, path, clock, arrival, names):
    """While the file takes nothing, others are given an answer's alerts from memory; it is written in one piece."""
    store.subscribe("consumer")
    store.append([arrival("a")])
    store.answer("consumer", 1, state=b"before")
    fill(store, 1)

    store.append([arrival("b"), Arrival("source", [alert("x" * 5000)] * 20)])
    store.answer("consumer", 22, arrival("own").alerts, b"after")

    assert ["a", "b", "own"] == [name for name in names(store) if not name.startswith("id-")]
    assert ["a"] == names(Store(path, Limits()))
    assert (1, b"before") == Store(path, Limits()).subscribe("consumer")
    fill(store, 1_000_000)
    clock.advance(1)
    store.append([])
    assert (22, b"after") == Store(path, Limits()).subscribe("consumer")
    assert "own" == names(Store(path, Limits()))[-1]


def test_cursors_that_an_answer_wrote_are_acknowledged(store, clock, arrival):
    """Cursors that waited for the disk are told also where a subscriber's answer was the first that it took again."""
    store.append([arrival("a")])
    fill(store, 1)
    assert {} == store.append([Arrival("source", [alert("x" * 5000)] * 20, "7", rewinds=True)]).cursors
    fill(store, 1_000_000)
    clock.advance(1)

    store.answer("consumer", 1)

    assert store.behind
    assert {"source": "7"} == store.append([]).cursors
    assert not store.behind


def test_a_new_file_at_the_start_is_counted(path):
    """A file that was put aside when the store was opened counts like one that was later; a missing one does not."""
    first = Store(path, Limits())
    assert 0 == first.begun
    first.close()
    path.write_bytes(b"no database" * 1000)
    second = Store(path, Limits())

    assert 1 == second.begun
    second.close()


def test_a_broken_file_is_put_aside(path, caplog, arrival, names):
    """A file that is no database is kept under another name, told, and a new one begun."""
    path.write_bytes(b"no database at all" * 1000)

    store = Store(path, Limits())
    store.append([arrival("a")])

    assert names(store) == ["a"]
    assert [file.read_bytes()[:11] for file in path.parent.glob("state.db.broken-*")] == [b"no database"]
    assert "is corrupt (file is not a database)" in caplog.text


def test_a_file_that_breaks_while_it_is_used(store, path, clock, arrival, names):
    """Damage under a running agent costs what was stored before; neither what comes nor where subscribers are."""
    store.append([arrival(*map(str, range(500)))])
    store.answer("consumer", 400, state=b"state")
    store._disk.query("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xff" * (path.stat().st_size - PAGE))
    store._disk.query("PRAGMA shrink_memory")

    store.append([arrival("new", cursor="1")])
    clock.advance(1)
    store.append([])

    again = Store(path, Limits())
    assert (["new"], (400, b"state")) == (names(again), again.subscribe("consumer"))


def test_an_alert_that_could_not_be_looked_up_is_stored_once(store, path, clock, arrival):
    """Where the file cannot be read it is not known whether an alert is there already; written, it is there once."""
    store.append([arrival("a")])
    store._disk.change(lambda connection: connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY))
    store.append([arrival("a", "b")])
    store._disk.change(lambda connection: connection.set_authorizer(None))
    clock.advance(1)
    store.append([])

    assert ["a", "b"] == [one.id for _, one in Store(path, Limits()).read(0, 10)]
    assert [] == list(path.parent.glob("*.broken*"))


def big_alerts(count):
    """Return so many alerts of 4 KiB each, one arrival."""
    text = alert("x" * 1000)
    return Arrival("source", [msgspec.structs.replace(text, id=f"{number}") for number in range(count)])


def test_a_flood_leaves_no_large_journal(path):
    """Much that arrives at once is written in parts, so that the journal is as large as it is at other times."""
    store = Store(path, Limits())
    journal = path.with_name("state.db-wal")
    store.append([big_alerts(20_000)])
    most = path.stat().st_size + journal.stat().st_size
    assert 26 << 20 > journal.stat().st_size

    for _ in range(3):
        store.append([big_alerts(1)])
    assert 40 << 20 < most
    assert 24 << 20 >= journal.stat().st_size


def test_a_lower_limit_makes_the_file_smaller(path, clock, names):
    """Where the limit was lowered, the file gives its room back, while alerts are stored; none is lost by that."""
    before = Store(path, Limits(megabytes=64), clock=clock)
    before.append([big_alerts(10_000)])
    before.close()
    assert 20 << 20 < path.stat().st_size

    store = Store(path, Limits(megabytes=4), clock=clock)
    for _ in range(60):
        store.append([big_alerts(1)])
        store.tend()
        clock.advance(1)
    store._disk.query("PRAGMA wal_checkpoint(TRUNCATE)")
    assert 6 << 20 > path.stat().st_size
    assert [("ok",)] == store._disk.query("PRAGMA integrity_check")
    assert 600 < len(names(store, 9_000, 2_000)) - 60


def test_free_room_below_the_limit_stays(path, clock):
    """Pages that the next alerts fill again are not given back, and a file of an earlier version stays as it is."""
    store = Store(path, Limits(megabytes=8), clock=clock)
    store.append([big_alerts(500)])
    store._disk.query("DELETE FROM packs WHERE last < 300")
    before = store._disk.query("PRAGMA page_count")
    store.tend()
    assert before == store._disk.query("PRAGMA page_count")

    for number in (0, 2):
        with sqlite3.connect(":memory:", isolation_level=None) as connection:
            connection.execute(f"PRAGMA auto_vacuum = {number}")
            connection.execute("CREATE TABLE t (x)")
            connection.execute("INSERT INTO t VALUES (zeroblob(4000000))")
            connection.execute("DROP TABLE t")
            assert bool(number) == give_back(connection, 1)

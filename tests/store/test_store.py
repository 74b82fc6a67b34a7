"""The store: what is written once stays, is read in order, comes once, and survives a disk that is full or broken."""

import sqlite3
from collections import deque

import msgspec
import pytest

from falcohost.errors import StateError
from falcohost.store.arrival import Arrival
from falcohost.store.directory import claim, state_directory
from falcohost.store.limits import Limits
from falcohost.store.store import Store, open_store
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

DAY = 86_400


@pytest.fixture
def path(tmp_path):
    """Return where the file is."""
    return tmp_path / "state.db"


@pytest.fixture
def clock():
    """Return the clock of the store."""
    return ManualClock()


@pytest.fixture
def store(path, clock):
    """Return an empty store."""
    return Store(path, Limits(), clock=clock)


def arrival(*names, cursor=None, rewinds=True, **options):
    """Return alerts whose ids are *names*."""
    alerts = [msgspec.structs.replace(alert(name), id=name, source="source") for name in names]
    return Arrival("source", alerts, cursor, rewinds, **options)


def names(store, after=0, most=100):
    """Return the ids of what is stored."""
    return [one.id for _, one in store.read(after, most)]


def test_alerts_are_read_in_order(store, path):
    """Alerts come back as they were, in their order, from any number on, also after a restart."""
    store.append([arrival("a", "b"), arrival("c")])
    store.append([arrival("d")])

    assert names(store) == ["a", "b", "c", "d"]
    assert names(store, after=1, most=2) == ["b", "c"]
    assert names(Store(path, Limits()), after=2) == ["c", "d"]
    assert store.read(0, 1)[0][1] == arrival("a").alerts[0]


def test_an_alert_comes_once(store, path):
    """What a source delivers again after its cursor was lost is not stored, nor returned as new, again."""
    first = store.append([arrival("a", "b", cursor="1"), arrival("b")])
    again = Store(path, Limits()).append([arrival("b", "c", cursor="2")])

    assert [one.id for one in first.alerts] == ["a", "b"]
    assert [one.id for one in again.alerts] == ["c"]
    assert again.cursors == {"source": "2"}


def test_a_source_without_cursors_may_repeat_itself(store):
    """Where nothing can be read again, an equal id is another event: it is stored."""
    store.append([arrival("a", rewinds=False)])
    store.append([arrival("a", rewinds=False)])

    assert names(store) == ["a", "a"]


def test_the_cursor_is_kept(store, path):
    """The cursor is there after a restart; only a written one is returned for acknowledgement."""
    assert store.cursor("source") is None
    assert store.append([arrival("a", cursor="7")]).cursors == {"source": "7"}
    assert store.append([arrival("b")]).cursors == {}

    assert (store.cursor("source"), Store(path, Limits()).cursor("source")) == ("7", "7")


def test_a_cursor_or_an_end_alone_is_written(store, path):
    """A source that found nothing has come further all the same, or to its end."""
    assert {"source": "8"} == store.append([arrival(cursor="8")]).cursors
    assert "8" == Store(path, Limits()).cursor("source")

    store.append([arrival(ended=True)])
    assert None is Store(path, Limits()).cursor("source")


def test_a_source_that_has_ended_begins_anew(store, path):
    """After the end of a finite source its cursor is gone, and reading it again gives its alerts again."""
    store.append([arrival("a", cursor="7"), arrival(ended=True)])
    again = Store(path, Limits())

    assert (store.cursor("source"), again.cursor("source")) == (None, None)
    assert [one.id for one in again.append([arrival("a")]).alerts] == ["a"]


def test_positions_are_kept(store, path):
    """A subscriber goes on behind what it has, with its state; a new one begins behind what is there already."""
    store.append([arrival("a", "b", "c")])
    assert (3, None) == store.subscribe("old")
    store.answer("old", 1, state=b"one")
    store.answer("old", 2)

    again = Store(path, Limits())

    assert ((2, b"one"), (3, None)) == (again.subscribe("old"), again.subscribe("new"))


def test_an_answers_alerts_come_behind_the_others(store, path):
    """A subscriber's own alerts are stored with its mark, in order; one that is there already is not stored again."""
    store.subscribe("other")
    store.append([arrival("a")])
    store.answer("consumer", 1, arrival("x", "y").alerts)
    store.answer("consumer", 1, arrival("y", "z").alerts)

    assert ["a", "x", "y", "z"] == names(store) == names(Store(path, Limits()))
    assert 4 == store.last


def test_no_number_is_used_again(store, path, clock):
    """When all alerts have been deleted the next one has a number behind every mark."""
    store.append([arrival("a", "b")])
    store.answer("output", 2)
    clock.advance(40 * DAY)
    store.append([])
    store.answer("output", 2)
    assert [] == names(store)

    again = Store(path, Limits())
    assert 2 == again.subscribe("output").mark
    again.append([arrival("c")])

    assert [(3, "c")] == [(number, one.id) for number, one in again.read(2, 10)]


def test_the_latest_are_read_from_memory(store, monkeypatch):
    """An output that keeps up reads no file; one that is behind reads it, and nobody can tell."""
    monkeypatch.setattr(store, "_latest", deque(maxlen=4))
    store.append([arrival(*"abcdefgh")])
    statements = []
    store._disk.change(lambda connection: connection.set_trace_callback(statements.append))

    for after in range(4, 9):
        assert names(store, after, 2) == list("abcdefgh"[after : after + 2])
    assert [] == statements
    for after in range(4):
        assert names(store, after) == list("abcdefgh"[after:])
    assert 4 == len(statements)


def test_memory_is_given_back_when_every_output_is_done(store):
    """What all outputs have is no longer kept in memory, and still in the file."""
    assert 0 == store.subscribe("fast").mark == store.subscribe("slow").mark
    store.append([arrival("a", "b", "c")])
    store.answer("slow", 1)
    store.answer("fast", 3)

    assert ["b", "c"] == [row.alert.id for row in store._latest]
    store.answer("slow", 3)
    assert not store._latest
    assert names(store) == ["a", "b", "c"]


def test_old_alerts_are_deleted(store, clock, caplog):
    """What is older than the limit goes; what an output never had of it is counted."""
    store.subscribe("output")
    store.append([arrival("a")])
    clock.advance(10 * DAY)
    store.append([arrival("b")])
    clock.advance(25 * DAY)
    store.append([arrival("c")])

    assert names(store) == ["b", "c"]
    assert store.lost == 1
    assert "1 alerts that an output never took are given up" in caplog.text


def test_size_is_bounded(path, clock):
    """The oldest alerts go when the file is full, so that it stays about as large as it may be."""
    store = Store(path, Limits(megabytes=1), clock=clock)
    big = alert("x" * 2000)
    for number in range(40):
        clock.advance(60)
        store.append([Arrival("source", [msgspec.structs.replace(big, id=f"{number}.{n}") for n in range(50)])])

    assert path.stat().st_size < 3 << 20
    assert names(store, most=10_000)[-1] == "39.49"
    assert 0 < len(names(store, most=10_000)) < 2000


def test_size_is_looked_at_now_and_then(store, clock):
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


def test_a_full_disk_loses_nothing(store, path, clock, caplog):
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
    assert 1 == caplog.messages.count(f"the state in {path} can be written again")


def test_what_waits_is_written_at_the_end(store, path, caplog):
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
    assert f"20 alerts could not be stored in {path}" in caplog.messages


def test_an_answer_waits_for_a_full_disk_as_a_whole(store, path, clock):
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


def test_cursors_that_an_answer_wrote_are_acknowledged(store, clock):
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


def test_a_broken_file_is_put_aside(path, caplog):
    """A file that is no database is kept under another name, told, and a new one begun."""
    path.write_bytes(b"no database at all" * 1000)

    store = Store(path, Limits())
    store.append([arrival("a")])

    assert names(store) == ["a"]
    assert [file.read_bytes()[:11] for file in path.parent.glob("state.db.broken-*")] == [b"no database"]
    assert "is broken (file is not a database)" in caplog.text


def test_a_file_that_breaks_while_it_is_used(store, path, clock):
    """Damage under a running agent costs what was stored before; neither what comes nor where subscribers are."""
    store.append([arrival(*map(str, range(500)))])
    store.answer("consumer", 400, state=b"state")
    store._disk.query("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    store._disk.query("PRAGMA shrink_memory")

    store.append([arrival("new", cursor="1")])
    clock.advance(1)
    store.append([])

    again = Store(path, Limits())
    assert (["new"], (400, b"state")) == (names(again), again.subscribe("consumer"))


def test_one_agent_at_a_time(tmp_path, caplog):
    """A second agent on the same directory keeps its state in memory, and says so."""
    first = open_store(str(tmp_path / "state"), Limits())
    second = open_store(str(tmp_path / "state"), Limits())

    assert (first.kept, second.kept) == (True, False)
    assert "is in use by another falcohost; this run keeps its state in memory only" in caplog.text
    first.close()
    assert open_store(str(tmp_path / "state"), Limits()).kept


def test_any_time_is_stored(store, path):
    """A time that no column takes is kept as it is; it counts as the largest there is."""
    alerts = [msgspec.structs.replace(alert(str(time)), time=time) for time in (2**64 - 1, -(2**63))]
    store.append([Arrival("source", alerts)])

    assert alerts == [one for _, one in Store(path, Limits()).read(0, 10)]


def test_an_alert_that_could_not_be_looked_up_is_stored_once(store, path, clock):
    """Where the file cannot be read it is not known whether an alert is there already; written, it is there once."""
    store.append([arrival("a")])
    store._disk.change(lambda connection: connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY))
    store.append([arrival("a", "b")])
    store._disk.change(lambda connection: connection.set_authorizer(None))
    clock.advance(1)
    store.append([])

    assert ["a", "b"] == [one.id for _, one in Store(path, Limits()).read(0, 10)]
    assert [] == list(path.parent.glob("*.broken*"))


def test_a_directory_that_others_can_write(tmp_path):
    """A directory in which another user could replace the file is not used."""
    tmp_path.chmod(0o777)

    with pytest.raises(StateError, match=r"other users can write to the state directory .*; chmod go-w it"):
        claim(tmp_path)


def test_a_directory_that_cannot_be_made(tmp_path):
    """What is in the way is a sentence."""
    (tmp_path / "file").touch()

    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        claim(tmp_path / "file" / "state")


def test_where_the_state_is(monkeypatch):
    """The configuration comes first, then our variable, then systemd's, then the place for this user's state."""
    monkeypatch.setenv("FALCOHOST_STATE_DIR", "/b")
    monkeypatch.setenv("STATE_DIRECTORY", "/c:/d")

    assert str(state_directory("/a")) == "/a"
    assert str(state_directory()) == "/b"
    monkeypatch.delenv("FALCOHOST_STATE_DIR")
    assert str(state_directory()) == "/c"
    monkeypatch.delenv("STATE_DIRECTORY")
    assert str(state_directory()) == "/var/lib/falcohost"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert str(state_directory()) == "/home/somebody/.local/state/falcohost"
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert str(state_directory()) == "/x/falcohost"

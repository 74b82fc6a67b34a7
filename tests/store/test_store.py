"""The store: what is written once stays, is read in order, and comes once; answers of subscribers are whole."""

import ctypes
import ctypes.util
from collections import deque

import msgspec
import pytest

from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.outputs import alert

DAY = 86_400


def test_alerts_are_read_in_order(store, path, arrival, names):
    """Alerts come back as they were, in their order, from any number on, also after a restart."""
    store.append([arrival("a", "b"), arrival("c")])
    store.append([arrival("d")])

    assert names(store) == ["a", "b", "c", "d"]
    assert names(store, after=1, most=2) == ["b", "c"]
    assert names(Store(path, Limits()), after=2) == ["c", "d"]
    assert store.read(0, 1)[0][1] == arrival("a").alerts[0]


def test_an_alert_comes_once(store, path, arrival):
    """Alerts that a source delivers again after its cursor was lost are not stored or returned again."""
    first = store.append([arrival("a", "b", cursor="1"), arrival("b")])
    again = Store(path, Limits()).append([arrival("b", "c", cursor="2")])

    assert [one.id for one in first.alerts] == ["a", "b"]
    assert [one.id for one in again.alerts] == ["c"]
    assert again.cursors == {"source": "2"}


def test_a_source_without_cursors_may_repeat_itself(store, arrival, names):
    """Where nothing can be read again, an equal id is another event: it is stored."""
    store.append([arrival("a", rewinds=False)])
    store.append([arrival("a", rewinds=False)])

    assert names(store) == ["a", "a"]


def test_what_a_workers_successor_reads_again_comes_once(store, arrival, names):
    """Alerts of a source without cursors that come again by another worker are not stored again, nor by a third."""
    store.append([arrival("a", rewinds=False, number=1)])
    store.append([arrival("a", "b", rewinds=True, number=2)])
    store.append([arrival("b", "c", rewinds=True, number=3)])

    assert names(store) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "how", [{"again": True, "rewinds": False}, {"rewinds": True}], ids=["sent again", "read again"]
)
def test_what_comes_again_to_another_store_comes_once(path, clock, arrival, names, how):
    """A store that takes over knows what its predecessor has stored, when a worker sends or reads it again."""
    earlier = Store(path, Limits(), clock=clock)
    earlier.append([arrival("a", "b", rewinds=False, number=1)])
    later = Store(path, Limits(), clock=clock)
    later.recall()
    later.append([arrival("b", "c", number=2, **how)])

    assert ["a", "b", "c"] == names(later)


def test_the_cursor_is_kept(store, path, arrival):
    """The cursor is there after a restart; only a written one is returned for acknowledgement."""
    assert store.cursor("source") is None
    assert store.append([arrival("a", cursor="7")]).cursors == {"source": "7"}
    assert store.append([arrival("b")]).cursors == {}

    assert (store.cursor("source"), Store(path, Limits()).cursor("source")) == ("7", "7")


def test_only_cursors_wait_for_the_disk(store, arrival):
    """A transaction is on the disk before a source may forget events; all else survives a kill as it is."""
    modes = []

    def note(statement):
        if statement in ("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL", "COMMIT"):
            modes.append(statement.rpartition(" ")[2])

    store._disk.change(lambda connection: connection.set_trace_callback(note))
    store.append([arrival("a")])
    store.append([arrival("b", cursor="1")])
    store.answer("output", 2)
    store.append([arrival("c")])

    looked_at_size = "COMMIT"
    assert ["COMMIT", looked_at_size, "FULL", "COMMIT", "NORMAL", "COMMIT"] == modes


def test_a_cursor_or_an_end_alone_is_written(store, path, arrival):
    """A source that found nothing has come further all the same, or to its end."""
    assert {"source": "8"} == store.append([arrival(cursor="8")]).cursors
    assert "8" == Store(path, Limits()).cursor("source")

    store.append([arrival(ended=True)])
    assert None is Store(path, Limits()).cursor("source")


def test_a_source_that_has_ended_begins_anew(store, path, arrival):
    """After the end of a finite source its cursor is gone, and reading it again gives its alerts again."""
    store.append([arrival("a", cursor="7"), arrival(ended=True)])
    again = Store(path, Limits())

    assert (store.cursor("source"), again.cursor("source")) == (None, None)
    assert [one.id for one in again.append([arrival("a")]).alerts] == ["a"]


def test_positions_are_kept(store, path, arrival):
    """A subscriber goes on behind what it has, with its state; a new one begins behind what is there already."""
    store.append([arrival("a", "b", "c")])
    assert (3, None) == store.subscribe("old")
    store.answer("old", 1, state=b"one")
    store.answer("old", 2)

    again = Store(path, Limits())

    assert ((2, b"one"), (3, None)) == (again.subscribe("old"), again.subscribe("new"))


def test_an_answers_alerts_come_behind_the_others(store, path, arrival, names):
    """A subscriber's own alerts are stored with its mark, in order; one that is there already is not stored again."""
    store.subscribe("other")
    store.append([arrival("a")])
    store.answer("consumer", 1, arrival("x", "y").alerts)
    store.answer("consumer", 1, arrival("y", "z").alerts)

    assert ["a", "x", "y", "z"] == names(store) == names(Store(path, Limits()))
    assert 4 == store.last


def test_no_number_is_used_again(store, path, clock, arrival, names):
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


def test_the_latest_are_read_from_memory(store, monkeypatch, arrival, names):
    """An output that keeps up reads no file; one that is behind reads it, and nobody can tell."""
    monkeypatch.setattr(store._latest, "_rows", deque(maxlen=4))
    store.append([arrival(*"abcdefgh")])
    statements = []
    store._disk.change(lambda connection: connection.set_trace_callback(statements.append))

    for after in range(4, 9):
        assert names(store, after, 2) == list("abcdefgh"[after : after + 2])
    assert [] == statements
    for after in range(4):
        assert names(store, after) == list("abcdefgh"[after:])
    assert 4 == sum("FROM packs WHERE" in one for one in statements)


def test_memory_is_given_back_when_every_output_is_done(store, arrival, names):
    """Alerts that all outputs have are no longer in memory, but still in the file."""
    assert 0 == store.subscribe("fast").mark == store.subscribe("slow").mark
    store.append([arrival("a", "b", "c")])
    store.answer("slow", 1)
    store.answer("fast", 3)

    assert ["b", "c"] == [row.alert.id for row in store._latest._rows]
    store.answer("slow", 3)
    assert not store._latest._rows
    assert names(store) == ["a", "b", "c"]


def test_any_time_is_stored(store, path):
    """A time that no column takes is kept as it is; it counts as the largest there is."""
    alerts = [msgspec.structs.replace(alert(str(time)), time=time) for time in (2**64 - 1, -(2**63))]
    store.append([Arrival("source", alerts)])

    assert alerts == [one for _, one in Store(path, Limits()).read(0, 10)]


def test_few_texts_of_sql(store, arrival, monkeypatch):
    """However many alerts come at once, the database is asked in few texts: SQLite keeps each of them prepared."""
    asked = set()
    query = store._disk.query
    monkeypatch.setattr(store._disk, "query", lambda sql, values=(): asked.add(sql) or query(sql, values))
    for number in range(1, 130):
        store.append([arrival(*(f"{number}-{one}" for one in range(number)), "same")])

    assert 129 * 130 // 2 + 1 == store.last
    assert len(asked) < 12


def test_pages_are_given_back(store, arrival):
    """What SQLite keeps of the file in memory, up to 2 MB once so much was written, is freed when that is asked for."""
    used = ctypes.CDLL(ctypes.util.find_library("sqlite3")).sqlite3_memory_used
    used.restype = ctypes.c_int64
    for begin in range(0, 8000, 1000):
        store.append([arrival(*map(str, range(begin, begin + 1000)))])
    before = used()
    store.release()

    assert before - used() > 1_000_000

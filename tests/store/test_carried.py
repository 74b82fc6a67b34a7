"""What a store has only in memory goes to the store of the next run: nothing is lost, numbers go on."""

import contextlib

import pytest

from falcohost.errors import StateError
from falcohost.store.arrival import Refusal
from falcohost.store.carried import digest
from falcohost.store.limits import Limits
from falcohost.store.store import Store


@pytest.fixture
def memory(clock):
    """Return a store in memory."""
    return Store(None, Limits(), clock=clock)


def carried(store):
    """Return what *store* has only in memory."""
    return b"".join(store.carry())


def test_from_memory_to_a_new_file(memory, path, clock, arrival, names):
    """Alerts, cursors, marks, states and parked alerts of a store in memory are those of the file."""
    memory.subscribe("fast"), memory.subscribe("slow"), memory.subscribe("counter")
    memory.append([arrival("a", "b", "c", cursor="3")])
    memory.answer("fast", 3)
    memory.answer("slow", 1, refused=[Refusal(1, "too large")])
    memory.answer("counter", 2, state=b"two")
    with contextlib.closing(Store(path, Limits(), clock=clock)) as store:
        assert 3 == store.take_carried(carried(memory))
        assert ["a", "b", "c"] == names(store)
        assert [3, 1, 2] == [store.subscribe(name).mark for name in ("fast", "slow", "counter")]
        assert b"two" == store.subscribe("counter").state
        store.append([arrival("c", "d")])
    again = Store(path, Limits(), clock=clock)

    assert "3" == again.cursor("source")
    assert ["a", "b", "c", "d"] == names(again)
    assert [("slow", 1, "too large")] == again._disk.query("SELECT output, seq, reason FROM parked")


def test_behind_what_is_there(memory, store, path, clock, arrival, names):
    """The file's alerts, cursors and states stay; its own alerts that come again are known; nobody misses an alert."""
    for name in ("done", "behind", "counter"):
        store.subscribe(name)
    store.append([arrival("a", "b", cursor="2")])
    store.answer("done", 2)
    store.answer("behind", 1)
    store.answer("counter", 2, state=b"before")
    store.close()
    for name in ("done", "behind", "counter", "new"):
        memory.subscribe(name)
    memory.append([arrival("b", "c", "d", cursor="9")])
    for name in ("done", "behind", "counter", "new"):
        memory.answer(name, 2)
    memory.answer("counter", 2, state=b"forgetful")
    store = Store(path, Limits(), clock=clock)
    store.take_carried(carried(memory))
    read = {name: [seq for seq, _ in store.read(store.subscribe(name).mark, 9)] for name in ("done", "behind", "new")}

    assert ["a", "b", "c", "d"] == names(store)
    assert {"done": [5], "behind": [2, 4, 5], "new": [5]} == read
    assert (2, b"before") == store.subscribe("counter")
    assert "2" == store.cursor("source")


def test_what_waits_for_the_disk(store, path, clock, arrival, names, monkeypatch):
    """Of a store whose disk cannot be written, what waits is carried, and that alone; then it does not wait."""
    store.subscribe("output")
    store.append([arrival("a", cursor="1")])
    monkeypatch.setattr(store._disk, "change", lambda work: False)
    store.append([arrival("b", "c", cursor="3")])
    store.answer("output", 2)
    data = carried(store)
    other = Store(path.with_name("other.db"), Limits(), clock=clock)

    assert 2 == other.take_carried(data)
    assert ["b", "c"] == names(other)
    assert ["c"] == names(other, other.subscribe("output").mark)
    assert 0 == store.unwritten
    assert b"" == carried(store)


@pytest.mark.parametrize("rewinds", [True, False])
def test_what_is_taken_twice(memory, store, path, clock, arrival, names, rewinds):
    """A store that is killed behind its transaction leaves the data there: they are not added a second time."""
    memory.subscribe("output")
    memory.append([arrival("b", "c", rewinds=rewinds)])
    memory.answer("output", 1)
    store.append([arrival("a")])
    data = carried(memory)
    assert 2 == store.take_carried(data)
    store.close()
    with contextlib.closing(Store(path, Limits(), clock=clock)) as again:
        assert 0 == again.take_carried(data)
        assert ["a", "b", "c"] == names(again)
        assert ["c"] == names(again, again.subscribe("output").mark)
        memory.append([arrival("d", rewinds=rewinds)])
        assert 1 <= again.take_carried(carried(memory))


def test_what_is_torn(memory, store, arrival, names):
    """Data that were not written to their end are refused, wherever they end: no alert is missing without a word."""
    memory.subscribe("output")
    memory.append([arrival(*map(str, range(500)))])
    data = carried(memory)
    for length in {*range(1, len(data), 499), *range(1, len(data), 512), *range(len(data) - 20, len(data))}:
        with pytest.raises(StateError):
            store.take_carried(data[:length])

    assert [] == names(store)
    assert 500 == store.take_carried(data)


def test_what_cannot_be_read(store, arrival, names):
    """Data that are damaged change nothing."""
    store.append([arrival("a")])
    for data in (b"nothing", b"", *(one + digest(one) for one in (b"nothing", b"SQLite format 3\0" + bytes(5000)))):
        with pytest.raises(StateError):
            store.take_carried(data)

    assert ["a"] == names(store)
    store.append([arrival("b")])
    assert ["a", "b"] == names(store)

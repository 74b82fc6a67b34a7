"""A store is looked at, checked, and repaired: all that a damaged file still has is in the new one."""

import contextlib
import random
import sqlite3

import msgspec
import pytest

from falcohost.alert import Priority
from falcohost.errors import StateError
from falcohost.store.arrival import Arrival
from falcohost.store.database import PAGE
from falcohost.store.examine import Mark, Part, overview, problems, repair
from falcohost.store.limits import Limits
from falcohost.store.packing import remove
from falcohost.store.store import Store
from falcohost.subscribers.selection import Selection
from falcohost.testing.outputs import alert

TIME = 1_700_000_000_123_456_789


@pytest.fixture
def filled(store, arrival):
    """Return a store with 5,000 alerts, of which an output has 10, and a cursor."""
    store.subscribe("output")
    for begin in range(0, 5000, 500):
        store.append([arrival(*map(str, range(begin, begin + 500)), cursor=f"cursor {begin}")])
    store.answer("output", 10)
    store.close()
    return store


def damage(path, share):
    """Overwrite some of the pages behind the first ones with noise; return how many."""
    chance = random.Random(5)
    data = bytearray(path.read_bytes())
    pages = [at for at in range(16 * PAGE, len(data), PAGE) if chance.random() < share]
    for at in pages:
        data[at : at + PAGE] = chance.randbytes(PAGE)
    path.write_bytes(data)
    return len(pages)


def test_overview(filled, path, clock):
    """It has the alerts by source, with the times of the first and the last, and what waits for whom."""
    found = overview(path.parent, clock)

    assert (str(path), 5000, 5000) == (found.path, found.alerts, found.last)
    assert [Part("source", 5000, TIME, TIME)] == found.sources
    assert [Mark("output", 10, 4990)] == found.marks
    assert {"source": "cursor 4500"} == found.cursors
    assert found.size >= path.stat().st_size > 500_000


def test_a_store_in_use(store, path, arrival):
    """What is in the write-ahead log counts too, while the store is in use."""
    store.append([arrival("a", "b")])

    assert 2 == overview(path.parent).alerts
    assert [] == problems(path.parent)
    store.append([arrival("c")])
    assert 3 == overview(path.parent).alerts


def test_a_whole_store(filled, path, clock, names):
    """A whole store has no problems, and a repair keeps all of it."""
    checked = []
    assert [] == problems(path.parent, checked.append)
    assert 5000 == checked[-1]

    done = repair(path.parent)
    assert (5000, 0) == (done.alerts, done.unreadable)
    again = Store(path, Limits(), clock=clock)
    assert [*map(str, range(5000))] == names(again, most=9999)
    assert (10, "cursor 4500") == (again.subscribe("output").mark, again.cursor("source"))
    again.close()
    assert not [*path.parent.glob("*repaired*")]


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_a_damaged_store(filled, path, clock, names, share):
    """Damage is found; a repair takes over what is on whole pages, in order, and keeps the old file."""
    noise = damage(path, share)
    before = path.read_bytes()
    assert noise > 3
    assert problems(path.parent)

    done = repair(path.parent)
    assert before == (path.parent / done.aside).read_bytes()
    assert [] == problems(path.parent)
    again = Store(path, Limits(), clock=clock)
    kept = names(again, most=9999)
    again.close()
    assert kept == sorted(set(kept), key=int)
    assert (len(kept), 5000, 0) == (done.alerts, done.alerts + done.unreadable, done.missing)
    pages = len(before) / PAGE
    assert len(kept) > 5000 * (1 - 3 * noise / pages)


def change(connection, number, how):
    """Change the bytes of the alert with this number in its pack."""
    sql = "SELECT last, first, places, bodies FROM packs WHERE last >= ? ORDER BY last"
    last, first, places, bodies = connection.execute(sql, (number,)).fetchone()
    sizes = msgspec.msgpack.decode(places)[0]
    at, place = sum(sizes[: number - first]), number - first
    body = how(bodies[at : at + sizes[place]])
    bodies = bodies[:at] + body + bodies[at + sizes[place] :]
    sizes[place] = len(body)
    values = (msgspec.msgpack.encode([sizes, []]), bodies, last)
    connection.execute("UPDATE packs SET places = ?, bodies = ? WHERE last = ?", values)


def emptied(path, share):
    """Have some of the pages with many rows say that they have one, which is no error for who reads them."""
    chance = random.Random(7)
    data = bytearray(path.read_bytes())
    leaves = [at for at in range(PAGE, len(data), PAGE) if data[at] == 0x0D and data[at + 4] > 5]
    for at in leaves[2:-2]:
        if chance.random() < share:
            data[at + 3 : at + 5] = b"\0\1"
    path.write_bytes(data)


def test_alerts_that_are_lost_silently(store, path, arrival):
    """Where pages have lost their rows without an error, a repair says how many numbers have no alert any more."""
    for number in range(5000):
        store.append([arrival(f"{number}")])
    store.answer("output", 10)
    store.close()
    emptied(path, 0.2)
    done = repair(path.parent)

    assert (0, 5000) == (done.unreadable, done.alerts + done.missing)
    assert done.missing > 100
    assert [] == problems(path.parent)


def test_what_limits_have_deleted_is_not_missing(filled, path):
    """In a file that is whole, no number is missing."""
    with sqlite3.connect(path) as connection:
        remove(connection, [30, 40, 4000])
    done = repair(path.parent)

    assert (4997, 0) == (done.alerts, done.missing)


def test_an_alert_that_cannot_be_decoded(filled, path):
    """An alert that is not one is named by its number."""
    with sqlite3.connect(path) as connection:
        change(connection, 7, lambda body: b"\xc0")
    (problem,) = problems(path.parent)

    assert problem.startswith("alert 7 cannot be decoded: ")


def test_alerts_that_are_no_alerts_are_left_out(filled, path, clock, names):
    """A repair leaves out what cannot be decoded, and says how many; damaged metadata of a rule cost no alert."""
    with sqlite3.connect(path) as connection:
        change(connection, 7, lambda body: b"\xc0")
        change(connection, 900, lambda body: b"\xc0")
        connection.execute("INSERT OR REPLACE INTO metadata VALUES (77, 5000, x'c1')")
        change(connection, 8, lambda body: body[:5] + (77).to_bytes(8, "big") + body[13:])
    assert 3 == len(problems(path.parent))

    done = repair(path.parent)
    assert (4998, 2) == (done.alerts, done.unreadable)
    assert [] == problems(path.parent)
    again = Store(path, Limits(), clock=clock)
    assert [name for name in map(str, range(5000)) if name not in ("6", "899")] == names(again, most=9999)
    again.close()


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_what_is_no_store(path, content):
    """A file that is none, or no file, is an error in words, and stays what it is."""
    with pytest.raises(StateError, match="there is no state yet"):
        overview(path.parent)
    path.write_bytes(content)
    with pytest.raises(StateError, match="falcohost store check says what is wrong"):
        overview(path.parent)
    with pytest.raises(StateError, match="is damaged: nothing can be taken from it, and the agent begins a new one"):
        repair(path.parent)
    assert problems(path.parent)
    assert content == path.read_bytes()
    Store(path, Limits()).close()
    assert [] == problems(path.parent)


def test_the_last_page_is_damaged(filled, path):
    """What is behind all marks is found also where the page with the last alerts cannot be read."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        sql = "SELECT pageno FROM dbstat WHERE name = 'packs' ORDER BY path DESC LIMIT 1"
        try:
            ((page,),) = connection.execute(sql)
        except sqlite3.OperationalError as error:
            pytest.skip(f"this SQLite cannot say which pages are whose: {error}")
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(bytes(PAGE))

    assert 4900 < repair(path.parent).alerts < 5000


def test_lag(store, path, clock, arrival):
    """A mark says for how long the first of the alerts that wait for an output has been stored."""
    store.subscribe("output")
    store.append([arrival("a")])
    store.answer("output", 1)
    clock.advance(3600)
    store.append([arrival("b")])
    clock.advance(60)
    store.append([arrival("c")])
    clock.advance(90)

    assert [("output", 2, 150)] == [(one.name, one.waiting, one.lag) for one in overview(path.parent, clock).marks]
    store.answer("output", 3)
    assert [("output", 0, 0)] == [(one.name, one.waiting, one.lag) for one in overview(path.parent, clock).marks]


def test_what_an_output_does_not_get_does_not_wait(store, path, clock):
    """Only alerts that an output's filter lets through wait for it, and the first of them says for how long."""
    store.subscribe("errors")
    store.subscribe("all")
    for number in range(4):
        level = Priority.ERROR if number % 2 else Priority.NOTICE
        one = msgspec.structs.replace(alert(f"{level.name}"), id=f"{number}", priority=level, rule=level.name)
        store.append([Arrival("source", [one])])
        clock.advance(100)
    store.append([])
    wanted = {"errors": Selection(Priority.ERROR).wants}

    found = overview(path.parent, clock, wanted).marks
    assert [("all", 4, 400), ("errors", 2, 300)] == [(one.name, one.waiting, one.lag) for one in found]
    store.answer("errors", 4)
    found = overview(path.parent, clock, wanted).marks
    assert [("all", 4), ("errors", 0)] == [(one.name, one.waiting) for one in found]

"""Pages of the file are torn while the store uses it: that is noticed, and what is whole is taken over."""

import os
import sqlite3

import msgspec
import pytest

from falcohost.alert import NO_METADATA, RuleMetadata
from falcohost.store import scrub
from falcohost.store.arrival import Arrival
from falcohost.store.database import PAGE
from falcohost.store.limits import Limits
from falcohost.store.packing import remove
from falcohost.store.packs import MOST_ALERTS
from falcohost.store.store import Store
from falcohost.testing.outputs import alert

#: Alerts that are stored before; a small file is checked whole, and a large one in slices.
SIZES = {"small": 500, "large": 2_500}

#: How many seconds it may take until a file of these sizes has been read once.
SECONDS = (scrub.SLICES + 2) * scrub.PAUSE


def fill(store, path, count):
    """Store so many alerts, delete a fifth of them so that there are free pages, and have all of it in the file."""
    bodies = [msgspec.structs.replace(alert("x" * 600), id=os.urandom(16).hex()) for _ in range(count)]
    for begin in range(0, count, 500):
        store.append([Arrival("source", bodies[begin : begin + 500], f"{begin}", rewinds=True)])
    store.subscribe("output")
    store._disk.change(lambda connection: remove(connection, range(count // 5)))
    store._disk.query("PRAGMA wal_checkpoint(TRUNCATE)")


def pages(path, name):
    """Return the numbers of all pages of a table or an index but its root."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        try:
            sql = "SELECT pageno FROM dbstat WHERE name = ? AND path != '/' ORDER BY pageno"
            return [number for (number,) in connection.execute(sql, (name,))]
        except sqlite3.OperationalError as error:
            pytest.skip(f"this SQLite cannot say which pages are whose: {error}")


def torn(path, kind):
    """Return which pages are torn."""
    size = path.stat().st_size // PAGE
    if kind == "alerts":
        return pages(path, "packs")[5:9]
    if kind == "index":
        return pages(path, "ids")[1:3]
    if kind == "header":
        return [1]
    if kind == "list of free pages":
        header = path.read_bytes()[:100]
        return [int.from_bytes(header[32:36], "big")]
    return [*range(size // 2, size)]


def tear(path, kind, how):
    """Tear pages: with zeros, with anything, or by cutting the file off there."""
    numbers = torn(path, kind)
    with path.open("r+b") as file:
        if how == "cut off":
            file.truncate((numbers[0] - 1) * PAGE)
            return
        for number in numbers:
            file.seek((number - 1) * PAGE)
            file.write(bytes(PAGE) if how == "zeros" else b"\xa5" + os.urandom(PAGE - 1))


def goes_on(store, clock, seconds=SECONDS):
    """Have a second pass again and again in which something arrives, until damage was noticed; return how many."""
    for second in range(int(seconds)):
        store.append([Arrival("other", [msgspec.structs.replace(alert("more"), id=f"more-{second}")])])
        store.tend()
        clock.advance(1)
        if store.begun:
            return second
    return None


@pytest.mark.parametrize(
    ("kind", "how", "size"),
    [
        *((kind, how, size) for kind in ("alerts", "index") for how in ("zeros", "random") for size in SIZES),
        *(("header", how, size) for how in ("zeros", "random") for size in SIZES),
        *(("list of free pages", how, "small") for how in ("zeros", "random")),
        *(("half of it", how, size) for how in ("zeros", "random", "cut off") for size in SIZES),
    ],
)
def test_torn_pages_are_noticed(path, clock, kind, how, size):
    """Whatever part of the file is damaged while alerts arrive, that is noticed, and alerts are stored in a new one."""
    store = Store(path, Limits(), clock=clock)
    fill(store, path, SIZES[size])
    tear(path, kind, how)

    assert goes_on(store, clock) is not None
    clock.advance(2)
    store.append([])
    store.append([Arrival("other", [msgspec.structs.replace(alert("last"), id="last")])])
    store.close()
    again = Store(path, Limits())
    assert 0 == again.begun
    assert {"source": f"{SIZES[size] - 500}"} == dict(again._disk.query("SELECT source, cursor FROM cursors"))
    assert [("ok",)] == again._disk.query("PRAGMA integrity_check")
    assert "last" == again.read(again.last - 1, 1)[0][1].id


def test_what_is_whole_is_taken_over(path, clock, caplog):
    """Alerts that an output has not taken are taken over, those on damaged pages are counted; so are silences."""
    store = Store(path, Limits(), clock=clock)
    store.subscribe("output")
    fill(store, path, 500)
    store.answer("output", 250, state=b"state")
    store.change(lambda connection: connection.execute("INSERT INTO cursors VALUES ('third', 'place')"))
    store._disk.query("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((pages(path, "packs")[-20] - 1) * PAGE)
        file.write(bytes(PAGE))
    store.tend()
    clock.advance(2)
    assert (1, True) == (store.begun, store.behind)
    store.append([])

    assert not store.behind
    found = [seq for seq, _ in store.read(0, 9999)]
    assert [251, 500] == [found[0], found[-1]]
    assert 250 - len(found) == store.lost > 0
    assert store.lost <= MOST_ALERTS
    assert (250, b"state") == Store(path, Limits()).subscribe("output")
    assert [("place",)] == store._disk.query("SELECT cursor FROM cursors WHERE source = 'third'")
    assert f"deleted {store.lost} alerts that an output has not taken: its file was damaged" in caplog.text


def test_a_log_that_is_cut_off(store, path, clock):
    """A journal that somebody has emptied is damage too."""
    fill(store, path, 500)
    store.append([Arrival("source", [alert("x" * 600)] * 500)])
    store._disk.query("PRAGMA shrink_memory")
    with path.with_name("state.db-wal").open("r+b") as file:
        file.truncate(PAGE)

    assert goes_on(store, clock) is not None


def test_damaged_metadata_of_a_rule(store, path):
    """An alert whose rule's metadata cannot be decoded is there without them."""
    of_rule = msgspec.structs.replace(alert("a"), metadata=RuleMetadata(description="what"))
    store.append([Arrival("source", [of_rule])])
    store._disk.change(lambda connection: connection.execute("UPDATE metadata SET body = x'c1'"))
    again = Store(path, Limits())

    assert [("rule a fired", NO_METADATA)] == [(one.message, one.metadata) for _, one in again.read(0, 10)]
    assert [NO_METADATA] == again.metadata(body for _, body in again.bodies(0, 10))


def test_a_whole_file_stays(store, path, clock):
    """What is whole is left alone, however often it is looked at."""
    fill(store, path, SIZES["large"])

    assert goes_on(store, clock, 600) is None


def test_damaged_when_it_is_opened(path, clock, caplog):
    """Of a file that cannot be opened any more, what can be read is taken over, too: cursors, marks, and what waits."""
    store = Store(path, Limits(), clock=clock)
    store.subscribe("output")
    fill(store, path, 500)
    store.answer("output", 400, state=b"state")
    store._disk.query("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    with path.open("r+b") as file:
        file.seek((pages(path, "packs")[-1] - 1) * PAGE)
        file.write(bytes(PAGE))

    again = Store(path, Limits(), clock=clock)
    assert (1, "0") == (again.begun, again.cursor("source"))
    assert (400, b"state") == again.subscribe("output")
    found = [seq for seq, _ in again.read(400, 500)]
    assert 401 == found[0]
    assert 60 < len(found) < 100
    assert again.last == found[-1]


def test_a_file_of_which_nothing_can_be_read(path, arrival):
    """What is no database leaves nothing; a new one is begun, and works."""
    path.write_bytes(b"no database" * 5000)
    store = Store(path, Limits())
    store.append([arrival("a")])

    assert (1, 1) == (store.begun, store.last)


def test_damaged_files_do_not_fill_the_disk(path, arrival, caplog):
    """The newest three stay, each with what belongs to it; the log says which are gone, and others' files stay."""
    others = [path.with_name(name) for name in ("state.db.broken-by-hand", "state.db.broken-20200101T000000.old")]
    for other in others:
        other.write_bytes(b"kept")
    path.with_name("state.db.broken-20200101T000000").write_bytes(b"of a former version")
    path.with_name("state.db.broken-20200101T000000-wal").write_bytes(b"of a former version")
    for number in range(1, 13):
        path.write_bytes(b"no database %d" % number)
        Store(path, Limits()).close()

    left = [one.read_bytes() for one in path.parent.glob("state.db.broken-2*") if one not in others]
    assert {b"no database 10", b"no database 11", b"no database 12"} == {*left}
    assert 3 == len(left)
    assert all(other.exists() for other in others)
    assert "removed state.db.broken-20200101T000000, state.db.broken-20200101T000000-wal" in caplog.text

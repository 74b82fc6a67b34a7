"""Packs: what is written is read again by its numbers, in both directions, and what is removed is gone."""

import contextlib
import sqlite3

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.store.body import brief_of, encode
from falcohost.store.database import PAGE, connect
from falcohost.store.ids import key_of
from falcohost.store.packing import MOST_BYTES, remove, write_packs
from falcohost.store.packs import (
    MOST_ALERTS,
    bodies,
    delivered,
    fleeting,
    last_number,
    last_stored,
    packs,
    readable,
    with_id,
)
from falcohost.store.row import Moved
from falcohost.testing.outputs import alert

#: Alerts: how far the number is from the one before, the source, whether it comes again, and how long its text is.
alerts = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 2, 50]),
        st.sampled_from(["a", "a", "a", "b"]),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([1, 10, 10, 10, 3_000, MOST_BYTES]),
    ),
    max_size=100,
)


def row(seq, source="a", rewinds=True, length=10):
    """Return what is stored of an alert; every third has an id of another form."""
    id = f"{seq:032x}" if seq % 3 else f"{seq}"
    body = encode(msgspec.structs.replace(alert("x" * length), id=id, source=source, time=seq))
    return Moved(seq, rewinds, brief_of(body), body, key_of(source, id))


def rows_of(drawn):
    """Return rows for drawn alerts."""
    rows, seq = [], 0
    for more, *what in drawn:
        seq += more
        rows.append(row(seq, *what))
    return rows


@pytest.fixture(scope="module")
def database():
    """Return an empty database."""
    return connect(None)


@contextlib.contextmanager
def filled(database, rows):
    """Have the database with these rows alone."""
    database.execute("BEGIN")
    try:
        half = len(rows) // 2
        write_packs(database, rows[:half], 5)
        write_packs(database, rows[half:], 7)
        yield
    finally:
        database.execute("ROLLBACK")


def ids(database):
    """Return the keys of ids that are stored, each with its pack."""
    return dict(database.execute("SELECT id, pack FROM ids"))


@given(drawn=alerts)
def test_what_is_written_is_read(database, drawn):
    """All alerts are read in order, from packs that are small and of one source, and ids say in which they are."""
    rows = rows_of(drawn)
    with filled(database, rows):
        found = [*packs(database)]

        assert [(one.seq, one.body) for one in rows] == [*bodies(database)]
        assert [(one.alert.source, one.rewinds) for one in rows] == [
            (pack.source, bool(pack.rewinds)) for pack in found for _ in pack.bodies
        ]
        for pack in found:
            assert len(pack.bodies) <= MOST_ALERTS
            assert len(pack.bodies) == 1 or sum(len(body) for _, body in pack.bodies) <= MOST_BYTES
            assert max(brief_of(body).time for _, body in pack.bodies) == pack.latest
            for seq, body in pack.bodies:
                key = key_of(pack.source, brief_of(body).id)
                assert ids(database).get(key) == (pack.last if pack.rewinds else None), seq
        assert (rows[-1].seq, 7) == (last_number(database), last_stored(database)) if rows else not found
        assert [("a", one.alert.id) for one in rows if not one.rewinds and one.alert.source == "a"] == [
            key for key in fleeting(database, 0) if key[0] == "a"
        ]


@given(drawn=alerts, after=st.integers(-1, 120), more=st.integers(-1, 60), most=st.integers(1, 70))
def test_any_part_is_read(database, drawn, after, more, most):
    """What is between two numbers is read, in both directions, and up to so many that are delivered."""
    rows = rows_of(drawn)
    until = after + more
    there = [(one.seq, one.body) for one in rows if after < one.seq <= until]
    with filled(database, rows):
        backwards = [one for pack in packs(database, after, until, last_first=True) for one in pack.bodies]
        held = [one.seq for one in rows if one.seq % 5 == 0]
        database.executemany("INSERT INTO held VALUES (?, 'silence 1')", [(seq,) for seq in held])

        assert (there, there[::-1]) == ([*bodies(database, after, until)], backwards)
        left = [one for one in there if one[0] not in held]
        assert left[:most] == delivered(database, after, until, most)
        assert [seq for seq, _ in there][:1] == [seq for seq, _ in bodies(database, after, until)][:1]


@given(drawn=alerts, data=st.data())
def test_what_is_removed_is_gone(database, drawn, data):
    """Single alerts are removed with their ids; the others of their packs stay, and no number is given again."""
    rows = rows_of(drawn)
    gone = data.draw(st.sets(st.sampled_from([one.seq for one in rows] or [1])))
    again = data.draw(st.sets(st.sampled_from([one.seq for one in rows] or [1])))
    with filled(database, rows):
        for numbers in (gone, again, gone):
            remove(database, numbers)
        left = [one for one in rows if one.seq not in gone | again]

        assert [(one.seq, one.body) for one in left] == [*bodies(database)]
        assert {one.key for one in left if one.rewinds} == ids(database).keys()
        for pack in packs(database):
            assert max(brief_of(body).time for _, body in pack.bodies) == pack.latest
        for one in rows:
            found = with_id(database, one.alert.id)
            assert (found and found[0]) == (one.seq if one in left else None)


@given(
    column=st.sampled_from(["places", "first", "count", "bodies"]),
    value=st.one_of(
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.binary(max_size=40),
        st.builds(
            lambda sizes, numbers: msgspec.msgpack.encode([sizes, numbers]),
            st.lists(st.integers(-9, 1 << 65 - 2), max_size=4).map(lambda some: [one for one in some if one < 1 << 63]),
            st.lists(st.integers(-9, 9), max_size=4),
        ),
    ),
)
def test_a_damaged_pack(database, column, value):
    """Whatever stands in a damaged row, its alerts are read as they are, or it is an error about the file."""
    with filled(database, [row(1), row(2), row(4), row(5)]):
        with contextlib.suppress(sqlite3.IntegrityError):
            database.execute(f"UPDATE packs SET {column} = ? WHERE last = 5", (value,))
        try:
            found = [*bodies(database)]
        except sqlite3.DatabaseError as error:
            assert sqlite3.SQLITE_CORRUPT == error.sqlite_errorcode
            whole, lost = readable(database, 5)
            assert 0 <= lost <= MOST_ALERTS
            assert whole is None or all(0 < seq <= 5 for seq, _ in whole.bodies)
        else:
            assert [1, 2] == [seq for seq, _ in found][:2]
            assert all(seq <= 5 for seq, _ in found)


def test_a_torn_page_in_a_pack(path):
    """Of a pack that goes over several pages, the alerts before the torn one are read."""
    with contextlib.closing(connect(path)) as connection:
        write_packs(connection, [row(seq, length=600) for seq in range(1, MOST_ALERTS + 1)], 5)
        try:
            sql = "SELECT pageno FROM dbstat WHERE name = 'packs' AND pagetype = 'overflow' ORDER BY path"
            pages = [number for (number,) in connection.execute(sql)]
        except sqlite3.OperationalError as error:
            pytest.skip(f"this SQLite cannot say which pages are whose: {error}")
    assert len(pages) > 3
    with path.open("r+b") as file:
        file.seek((pages[2] - 1) * PAGE)
        file.write(bytes(PAGE))

    with contextlib.closing(connect(path)) as connection:
        with pytest.raises(sqlite3.DatabaseError):
            [*packs(connection)]
        pack, lost = readable(connection, MOST_ALERTS)
    numbers = [seq for seq, body in pack.bodies if brief_of(body) is not None]
    assert [*range(1, len(numbers) + 1)] == numbers
    assert 10 < len(numbers) < MOST_ALERTS - 4
    assert MOST_ALERTS == len(pack.bodies) + lost


def test_the_last_with_an_id(database):
    """Of several alerts with an id, the last is found; parts of ids, and ids in texts, are none."""
    rows = [row(1), row(2, "b"), row(4, length=5), row(5)]
    same = msgspec.structs.replace(alert("6da05b"), id=rows[0].alert.id, source="b")
    mentions = msgspec.structs.replace(alert(rows[0].alert.id), id="other")
    for seq, one in ((6, same), (7, mentions)):
        body = encode(one)
        rows.append(Moved(seq, True, brief_of(body), body, key_of(one.source, one.id)))
    with filled(database, rows):
        assert 6 == with_id(database, rows[0].alert.id)[0]
        assert with_id(database, rows[0].alert.id[:-1]) is None

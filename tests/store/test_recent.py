"""Which alerts have come before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.store.body import Brief
from falcohost.store.database import connect
from falcohost.store.ids import key_of
from falcohost.store.packing import write_packs
from falcohost.store.recent import StoredIds
from falcohost.store.row import Moved

ids = st.lists(st.text("0123456789abcdef\u00e9\uffff\U0001f600", min_size=1, max_size=3), unique=True, max_size=12)


@pytest.fixture(scope="module")
def database():
    """Return an empty database."""
    return connect(None)


@given(stored=ids, others=ids, asked=ids)
def test_those_in_the_file(database, stored, others, asked):
    """Those in the file are found, whatever their order, but for those that do not come again."""
    database.execute("DELETE FROM packs")
    database.execute("DELETE FROM ids")
    put(database, "a", stored, rewinds=True)
    put(database, "b", others, rewinds=False)
    found = StoredIds(_query(database, [])).find([key_of(source, one) for one in asked for source in "ab"])

    assert {key_of("a", one) for one in stored if one in asked} == found


def test_new_ones_are_not_looked_for(database):
    """Only ids that are not beyond all in the file are looked for."""
    database.execute("DELETE FROM packs")
    database.execute("DELETE FROM ids")
    put(database, "a", ["00000002"], rewinds=True)
    seen = []

    known = StoredIds(_query(database, seen))

    assert set() == known.find([key_of("a", "00000003"), key_of("a", "00000004")])
    assert {key_of("a", "00000002")} == known.find([key_of("a", "00000002"), key_of("a", "00000003")])
    assert [(), (key_of("a", "00000002"),)] == seen


def test_what_was_written_is_looked_for(database):
    """What is written meanwhile is in the file; the largest id is asked for once, or when others have written."""
    database.execute("DELETE FROM packs")
    database.execute("DELETE FROM ids")
    known = StoredIds(_query(database, []))
    assert set() == known.find([key_of("a", "00000002")])
    put(database, "a", ["00000002"], rewinds=True)
    known.wrote([key_of("a", "00000001"), key_of("a", "00000002")])
    known.wrote([])

    assert {key_of("a", "00000002")} == known.find([key_of("a", "00000002"), key_of("a", "00000003")])
    put(database, "a", ["00000003"], rewinds=True)
    assert set() == known.find([key_of("a", "00000003")])
    known.renew()
    assert {key_of("a", "00000003")} == known.find([key_of("a", "00000003")])


def put(database, source, ids, *, rewinds):
    """Store alerts with these ids."""
    last = database.execute("SELECT coalesce(max(last), 0) FROM packs").fetchone()[0]
    rows = [
        Moved(number, rewinds, Brief(id, "rule", source, 0), b"x", key_of(source, id))
        for number, id in enumerate(ids, last + 1)
    ]
    write_packs(database, rows, 0)


def _query(database, seen):
    """Return what asks *database*, and adds to *seen* what for."""

    def query(sql, values):
        seen.append(values)
        return database.execute(sql, values).fetchall()

    return query

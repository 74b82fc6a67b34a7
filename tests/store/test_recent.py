"""Which alerts have come before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.store.database import connect
from falcohost.store.recent import StoredIds

ids = st.lists(st.text("0123456789abcdef\u00e9\uffff\U0001f600", min_size=1, max_size=3), unique=True, max_size=12)


@pytest.fixture(scope="module")
def database():
    """Return an empty database."""
    return connect(None)


@given(stored=ids, others=ids, asked=ids)
def test_those_in_the_file(database, stored, others, asked):
    """Those in the file are found, whatever their order, but for those that do not come again."""
    rows = [(one, 1, "a") for one in stored] + [(one, 0, "b") for one in others]
    database.execute("DELETE FROM alerts")
    database.executemany("INSERT INTO alerts VALUES (NULL, ?, ?, 0, '', ?, 0, x'')", rows)

    assert {("a", one) for one in stored if one in asked} == StoredIds(_query(database, [])).find(asked)


def test_new_ones_are_not_looked_for(database):
    """Only ids that are not beyond all in the file are looked for."""
    database.execute("DELETE FROM alerts")
    database.execute("INSERT INTO alerts VALUES (NULL, '00000002', 1, 0, '', 'a', 0, x'')")
    seen = []

    known = StoredIds(_query(database, seen))

    assert set() == known.find(["00000003", "00000004"])
    assert {("a", "00000002")} == known.find(["00000002", "00000003"])
    assert [(), ("00000002",)] == seen


def test_what_was_written_is_looked_for(database):
    """What is written meanwhile is in the file; the largest id is asked for once, or when others have written."""
    database.execute("DELETE FROM alerts")
    seen = []
    known = StoredIds(_query(database, seen))
    assert set() == known.find(["00000002"])
    database.execute("INSERT INTO alerts VALUES (NULL, '00000002', 1, 0, '', 'a', 0, x'')")
    known.wrote(["00000001", "00000002"])
    known.wrote([])

    assert {("a", "00000002")} == known.find(["00000002", "00000003"])
    database.execute("INSERT INTO alerts VALUES (NULL, '00000003', 1, 0, '', 'a', 0, x'')")
    assert set() == known.find(["00000003"])
    known.renew()
    assert {("a", "00000003")} == known.find(["00000003"])


def _query(database, seen):
    """Return what asks *database*, and adds to *seen* what for."""

    def query(sql, values):
        seen.append(values)
        return database.execute(sql, values).fetchall()

    return query

"""Which alerts have come before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.store.database import connect
from falcohost.store.recent import stored_ids

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

    assert {("a", one) for one in stored if one in asked} == stored_ids(_query(database, []), asked)


def test_new_ones_are_not_looked_for(database):
    """Only ids that are not beyond all in the file are looked for."""
    database.execute("DELETE FROM alerts")
    database.execute("INSERT INTO alerts VALUES (NULL, '00000002', 1, 0, '', 'a', 0, x'')")
    seen = []

    assert set() == stored_ids(_query(database, seen), ["00000003", "00000004"])
    assert {("a", "00000002")} == stored_ids(_query(database, seen), ["00000002", "00000003"])
    assert [(), (), ("00000002",)] == seen


def _query(database, seen):
    """Return what asks *database*, and adds to *seen* what for."""

    def query(sql, values):
        seen.append(values)
        return database.execute(sql, values).fetchall()

    return query

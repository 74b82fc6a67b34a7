"""A store in a file, for the tests of this folder, and what comes to it."""

import contextlib
import sqlite3

import msgspec
import pytest

from falcohost.store.arrival import Arrival
from falcohost.store.body import brief_of
from falcohost.store.limits import Limits
from falcohost.store.packs import packs
from falcohost.store.store import Store
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

FORMER = """
DROP TABLE packs;
DROP TABLE ids;
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    rewinds INTEGER NOT NULL,
    time INTEGER NOT NULL,
    rule TEXT NOT NULL,
    source TEXT NOT NULL,
    stored INTEGER NOT NULL,
    alert BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX once ON alerts (id, source) WHERE rewinds;
"""


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


@pytest.fixture
def arrival():
    """Return a function that returns alerts with these ids as they come from a source."""

    def arrival(*names, cursor=None, rewinds=True, **options):
        alerts = [msgspec.structs.replace(alert(name), id=name, source="source") for name in names]
        return Arrival("source", alerts, cursor, rewinds, **options)

    return arrival


@pytest.fixture
def names():
    """Return a function that returns the ids of what is stored."""

    def names(store, after=0, most=100):
        return [one.id for _, one in store.read(after, most)]

    return names


@pytest.fixture
def former():
    """Return a function that makes a file one of an earlier version, with a row for each alert."""

    def former(path, version):
        with contextlib.closing(sqlite3.connect(path)) as file:
            rows = []
            for pack in packs(file):
                for seq, body in pack.bodies:
                    one = brief_of(body)
                    rows.append((seq, one.id, pack.rewinds, one.time, one.rule, one.source, pack.stored, body))
            file.executescript(FORMER)
            file.executemany("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            file.commit()
            tables = {6: ["verdicts"], 7: ["silences", "held"]}
            gone = [name for since, names in tables.items() if since > version for name in names]
            file.executescript("".join(f"DROP TABLE {name};" for name in gone) + f"PRAGMA user_version = {version}")

    return former

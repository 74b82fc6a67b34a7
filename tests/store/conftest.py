"""A store in a file, for the tests of this folder, and what comes to it."""

import msgspec
import pytest

from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert


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

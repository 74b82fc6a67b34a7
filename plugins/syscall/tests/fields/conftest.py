"""What tests of fields share: a source that is fed by hand, and the fields of its events."""

from __future__ import annotations

import pytest

from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.source import SyscallSource

FIELD = {field.name: field for field in FIELDS}


@pytest.fixture
def source():
    """Return a source that was never opened, to be fed by hand."""
    source = SyscallSource({})
    source._types = frozenset(row.name for row in CALLS)
    source._track_destinations = True
    return source


@pytest.fixture
def one(source):
    """Return a function that takes records and returns the last event."""
    return lambda *records: list(source._events(list(records)))[-1]


@pytest.fixture(scope="session")
def get():
    """Return a function that takes an event, the name of a field and its argument, and returns the field's value."""
    return lambda event, name, arg=None: FIELD[name].get(event, arg)

"""Fixtures of the fields' tests: a decoder for records made by hand, and the fields of its events."""

from __future__ import annotations

import pytest
from workload import handmade

from falcohost_syscall.fields.rows import FIELDS

FIELD = {field.name: field for field in FIELDS}


@pytest.fixture
def decoder():
    """Return a decoder to be fed by hand."""
    decoder = handmade.decoder()
    decoder.track_destinations = True
    return decoder


@pytest.fixture
def one(decoder):
    """Return a function that takes records and returns the last event."""
    return lambda *records: list(decoder.events(list(records)))[-1]


@pytest.fixture(scope="session")
def get():
    """Return a function that takes an event, the name of a field and its argument, and returns the field's value."""
    return lambda event, name, arg=None: FIELD[name].get(event, arg)

"""Fixtures of the fields' tests: a decoder for records made by hand, and the fields of its events."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from workload import handmade

sys.path.insert(0, str(Path(__file__).parent))

from live import END

from falcohost.testing import skip_or_fail
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


@pytest.fixture(scope="session")
def end() -> Iterator[None]:
    """Make the file whose opening says that nothing of what came before is still to be read."""
    Path(END).touch()
    yield
    Path(END).unlink()


@pytest.fixture(scope="session")
def machine() -> None:
    """Skip where the numbers of calls are others."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")

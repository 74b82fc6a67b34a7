"""What the tests of GitHub's fields share: a field's value in a payload."""

from __future__ import annotations

import pytest

from falcohost.jsonlog import event_of
from falcohost_github.fields import FIELDS
from falcohost_github.source import LOG

ROWS = {field.name: field for field in FIELDS}


@pytest.fixture
def value():
    """Return a function that reads a field in a payload."""

    def value(name, record):
        return ROWS[name].get(event_of(LOG, record), None)

    return value

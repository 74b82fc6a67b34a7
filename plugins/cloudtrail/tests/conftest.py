"""What the tests of CloudTrail's fields share: a field's value in a record."""

from __future__ import annotations

import pytest

from falcohost.jsonlog import event_of
from falcohost_cloudtrail.fields import FIELDS
from falcohost_cloudtrail.source import LOG

ROWS = {field.name: field for field in FIELDS}


@pytest.fixture
def value():
    """Return a function that reads a field, with an argument or without, in a record."""

    def value(name, record, arg=None):
        return ROWS[name].get(event_of(LOG, record), arg)

    return value

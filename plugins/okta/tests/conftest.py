"""What the tests of Okta's fields share: a field's value in an event."""

from __future__ import annotations

import pytest

from falcohost.jsonlog import event_of
from falcohost_okta.fields import FIELDS
from falcohost_okta.source import LOG

ROWS = {field.name: field for field in FIELDS}


@pytest.fixture
def value():
    """Return a function that reads a field, with an argument or without, in an event of the System Log."""

    def value(name, record, arg=None):
        return ROWS[name].get(event_of(LOG, record), arg)

    return value

"""A log of records {"n": …}, and a way to read it from files."""

import pytest

from falcohost.events import Plan
from falcohost.jsonlog import JsonLog, JsonSource, file_input

LOG = JsonLog(source="app", plugin="tester", time="at", wrappers=("Records",))


@pytest.fixture
def read():
    """Return a function that reads a path to its end: events, and what was dropped."""

    def read(path, log=LOG, **options):
        source = JsonSource(log, file_input(str(path), plugin="tester", **options))
        source.open(Plan(source="app"), None)
        try:
            events = [event for batch in source.batches() for event in batch.events]
            return events, dict(source.stats().dropped)
        finally:
            source.close()

    return read

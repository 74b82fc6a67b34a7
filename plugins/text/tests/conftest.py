"""A way to read lines through a source, as events."""

from pathlib import Path

import pytest

from falcohost import Plan
from falcohost_text.config import read_sources
from falcohost_text.event import fields_of
from falcohost_text.source import source_spec

#: Logs that real programs of Debian 13 wrote: rsyslogd 8.2504, sshd 10.0, sudo 1.9.16, su, useradd, nginx 1.26 and
#: Apache 2.4, each asked by real clients, some of them hostile. Directories and a key's fingerprint were replaced, and
#: some lines were left out.
RECORDED = Path(__file__).parent / "recorded"


class Lines:
    """Collects what a source has read: its events, the values of their fields, and its numbers."""

    def __init__(self, config, source):
        self.events = [event for batch in source.batches() for event in batch.events]
        self.stats = source.stats()
        self._fields = {field.name.removeprefix("text."): field for field in fields_of(config.format.columns)}

    def values(self, *names):
        """Return the values of fields for each event."""
        return [tuple(self._fields[name].get(event, None) for name in names) for event in self.events]


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a file, or bytes, to the end."""

    def read(data, **settings):
        path = data if isinstance(data, Path) else tmp_path / "log"
        if path != data:
            path.write_bytes(data)
        entry = {"name": "app", "open_params": str(path)} | settings
        (config,) = read_sources({"sources": [entry]})
        source = source_spec(config).make({})
        source.open(Plan(source="app"), None)
        try:
            return Lines(config, source)
        finally:
            source.close()

    read.recorded = RECORDED
    return read

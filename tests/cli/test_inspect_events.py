"""What is shown or recorded live tells its source what has become of events, as an agent does."""

from __future__ import annotations

from types import SimpleNamespace

from falcohost.cli.flags import Flags
from falcohost.cli.inspect_events import Inspection
from falcohost.events import Batch


class Source:
    """A source with one batch of three events, of which it notes what it is told."""

    def __init__(self):
        self.told = []

    def batches(self):
        """Yield the batch."""
        events = [SimpleNamespace(num=number) for number in (1, 2, 3)]
        yield Batch(events, matched=lambda event: self.told.append(event.num), stored=lambda: self.told.append("done"))

    def close(self):
        """Do nothing."""


def test_a_source_is_told_what_matched():
    """It is told of each event that matches, and that all of them are done: what it holds for them is free then."""
    inspection = Inspection(Flags().configuration(), ("FILTER", "evt.num > 1"))
    inspection._source = source = Source()

    assert [2, 3] == [event.num for event in inspection.events()]
    assert [2, 3, "done"] == source.told

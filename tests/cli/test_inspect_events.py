"""What is shown or recorded live tells its source what has become of events, as an agent does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from falcohost.cli.flags import Flags
from falcohost.cli.inspect_events import Inspection
from falcohost.errors import UnknownValueError
from falcohost.events import Batch
from falcohost_syscall.processes.longer import LONGER


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


class Waiting(Source):
    """A source with a batch each time, until it is told to end: then with two more that waited."""

    def batches(self):
        """Yield the batches."""
        numbers = iter(range(1, 100))
        while "end" not in self.told:
            yield Batch([SimpleNamespace(num=next(numbers)), SimpleNamespace(num=next(numbers))])
        for _ in range(2):
            yield Batch([SimpleNamespace(num=next(numbers))])

    def end(self):
        """End."""
        self.told.append("end")


@pytest.mark.parametrize(("whole", "shown"), [(True, [1, 2, 3, 4]), (False, [1])])
def test_what_waits_at_the_end(whole, shown):
    """A recording that is stopped has all that has happened by then; what is only shown ends at once."""
    inspection = Inspection(Flags().configuration())
    inspection.whole = whole
    inspection._source = source = Waiting()
    found = []
    for event in inspection.events():
        found.append(event.num)
        inspection.stopped = True

    assert shown == found
    assert ["end"] * whole == source.told


def test_what_waits_when_time_is_over():
    """So has one that ends after some seconds."""
    inspection = Inspection(Flags().configuration())
    inspection.whole, inspection.seconds = True, 0
    inspection._source = source = Waiting()

    assert [1, 2, 3, 4] == [event.num for event in inspection.events()]
    assert ["end"] == source.told


class Long:
    """A process of whose arguments only the beginning is known."""

    comm = "tool"

    def arguments(self):
        """Return the beginning, if that will do."""
        if not LONGER.lenient:
            raise UnknownValueError
        return "--begin 1"

    def argv(self):
        """Return the beginning, if that will do."""
        return self.comm, self.arguments()


@pytest.mark.parametrize(
    ("filter", "shown"),
    [
        ("proc.cmdline contains begin", True),
        ("proc.cmdline endswith end", True),
        ("proc.cmdline startswith other", False),
        ("not proc.cmdline contains begin", False),
    ],
)
def test_arguments_of_which_only_the_beginning_is_known(filter, shown):
    """They end no recording: what the beginning does not decide matches, and the beginning is shown."""
    inspection = Inspection(Flags().configuration(), ("FILTER", filter))
    source = Source()
    source.batches = lambda: iter([Batch([SimpleNamespace(num=1, proc=Long())])])
    inspection._source = source
    (cmdline,) = inspection.getters(["proc.cmdline"])

    assert ["tool --begin 1"] * shown == [cmdline(event) for event in inspection.events()]

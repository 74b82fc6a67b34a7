"""Looks at an agent: what is counted from one to the next, and when costs are measured."""

import pytest

from falcohost.cli.stats import looks
from falcohost.errors import StateError
from falcohost.host.numbers import Numbers, StoreNumbers
from falcohost.host.snapshot import Snapshot, SourceSnapshot, SourceState, StoreSnapshot, StoreState
from falcohost.testing.clock import ManualClock


class Counting:
    """A connection to an agent that has counted one event more at each look, a second after the look before.

    :ivar measured: whether it was asked to measure, at each look.
    :ivar times: when it was asked.
    :ivar begins: the look from which on it measures.
    """

    def __init__(self, begins=1):
        self.clock = ManualClock()
        self.measured, self.times = [], []
        self.begins = begins

    def ask(self, *, measure=False):
        """Return the numbers."""
        self.measured.append(measure)
        self.times.append(self.clock.monotonic())
        count = len(self.measured)
        state = SourceState("one", "open", "", 0, float(count), float(count), measure and count >= self.begins)
        return Snapshot(
            "0",
            1,
            float(count),
            [SourceSnapshot(state, Numbers(count))],
            [],
            StoreSnapshot(StoreState(kept=True), StoreNumbers()),
        )


def found(looked):
    """Return the seconds in which was counted, and the count."""
    return looked.span, looked.sources[0].numbers.received


def test_one_look():
    """Without anything else the numbers are those since the start."""
    assert [(None, 1)] == [found(one) for one in looks(Counting(), None, watch=False)]


def test_watch():
    """Each look has what has come since the one before, two seconds earlier."""
    connection = Counting()
    watched = looks(connection, None, watch=True, clock=connection.clock)

    assert [(1.0, 1)] * 3 == [found(next(watched)) for _ in range(3)]
    assert [0.0, 2.0, 4.0, 6.0] == connection.times


def test_cost():
    """The cost of events is measured for the requested time, from the moment when every source measures."""
    connection = Counting(begins=3)
    (one,) = looks(connection, 8.0, watch=False, clock=connection.clock)

    assert (1.0, 1) == found(one)
    assert [True] * 4 == connection.measured
    assert 8.0 == pytest.approx(connection.times[-1] - connection.times[-2])


def test_a_source_that_does_not_begin_to_measure():
    """It is named when patience is at an end."""
    connection = Counting(begins=99)
    with pytest.raises(StateError, match="the source one is too busy to start measuring; try again"):
        list(looks(connection, 1.0, watch=False, clock=connection.clock))
    assert 5 < connection.times[-1] < 5.3

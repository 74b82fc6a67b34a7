"""Alerts about outputs that take no alerts or refuse them, and about a store that cannot write."""

import pytest

from falcohost.host.numbers import OutputNumbers, StoreNumbers
from falcohost.host.snapshot import OutputSnapshot, OutputState, StoreSnapshot, StoreState
from falcohost.host.supervision.lagging import DELIVERS, FULL, IDLE, LAGS, QUIET, REFUSES, UNWRITTEN, WRITES, Lagging
from falcohost.testing.clock import ManualClock


class Watched:
    """An output and a store, whose numbers a test sets second by second."""

    def __init__(self):
        self.clock, self.alerts = ManualClock(), []
        self.waiting = self.mark = self.refused = self.unwritten = 0
        self._lagging = Lagging(self._outputs, self._store, lambda *alert: self.alerts.append(alert), self.clock)

    def _outputs(self):
        return [OutputSnapshot(OutputState("http", 0.0, mark=self.mark), OutputNumbers(self.waiting, 0, self.refused))]

    def _store(self):
        return StoreSnapshot(StoreState(True), StoreNumbers(unwritten=self.unwritten))

    def pass_(self, seconds, **numbers):
        """Let time pass with these numbers; return the rules and fields of the alerts."""
        vars(self).update(numbers)
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self._lagging.check()
        found, self.alerts = [(rule, fields) for rule, _, _, fields in self.alerts], []
        return found


@pytest.fixture
def watched():
    """Return both."""
    return Watched()


def test_an_output_that_takes_nothing(watched):
    """It is told once, after a minute without progress, and so is that it has taken everything."""
    assert [] == watched.pass_(5, mark=10, waiting=0)
    assert [] == watched.pass_(IDLE - 1, mark=10, waiting=5)
    assert [(LAGS, {"output": "http", "waiting": 9})] == watched.pass_(600, mark=10, waiting=9)
    assert [] == watched.pass_(5, mark=16, waiting=3)
    assert [(DELIVERS, {"output": "http"})] == watched.pass_(5, mark=19, waiting=0)


def test_an_output_that_is_behind(watched):
    """One that takes some alerts does not lag, however many wait."""
    for mark in range(300):
        assert [] == watched.pass_(1, mark=mark, waiting=99 * mark)


def test_an_output_that_gets_nothing_of_what_comes(watched):
    """However long its mark stands still, it does not lag as long as nothing waits for it."""
    assert [] == watched.pass_(5 * IDLE, mark=10, waiting=0)


def test_alerts_that_are_refused(watched):
    """It is told at once, then once a minute with the number of new ones; a new process begins at 0."""
    assert [(REFUSES, {"output": "http", "refused": 2})] == watched.pass_(1, refused=2)
    assert [] == watched.pass_(QUIET - 2, refused=7)
    assert [(REFUSES, {"output": "http", "refused": 6})] == watched.pass_(5, refused=8)
    assert [] == watched.pass_(QUIET, refused=0)
    assert [(REFUSES, {"output": "http", "refused": 1})] == watched.pass_(5, refused=1)


def test_a_full_disk(watched):
    """It is told once, after some seconds, and so is that alerts are written again; a moment is nothing."""
    assert [] == watched.pass_(FULL - 1, unwritten=3)
    assert [] == watched.pass_(1, unwritten=0)
    assert [(UNWRITTEN, {"waiting": 4})] == watched.pass_(100, unwritten=4)
    ((rule, fields),) = watched.pass_(5, unwritten=0)
    assert (WRITES, True) == (rule, fields["seconds"] >= 99)

"""Alerts about a source that is not open, and that it is open again."""

from types import SimpleNamespace

import pytest

from falcohost.host.supervision.downs import DOWN, LASTING, UP, Downs
from falcohost.testing.clock import ManualClock


class Watched:
    """A source whose state a test sets second by second."""

    def __init__(self):
        self.clock, self.alerts = ManualClock(), []
        self.child = SimpleNamespace(name="one", ready=False, was_ready=False, ended=False, error="", lives=0)
        self._downs = Downs([self.child], lambda *alert: self.alerts.append(alert), self.clock)

    def pass_(self, seconds, **state):
        """Let time pass in this state; return the rules and fields of the alerts."""
        vars(self.child).update(state)
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self._downs.check()
        found, self.alerts = [(rule, fields) for rule, _, _, fields in self.alerts], []
        return found


@pytest.fixture
def watched():
    """Return it."""
    return Watched()


def test_a_slow_start_is_no_alert(watched):
    """A source that is being opened for the first time is not down, however long that takes."""
    assert [] == watched.pass_(300, lives=1)
    assert [] == watched.pass_(5, ready=True, was_ready=True)


def test_down_and_up(watched):
    """Each outage is told once, with its reason, and so is its end."""
    assert [] == watched.pass_(5, lives=1, ready=True, was_ready=True)
    assert [] == watched.pass_(LASTING - 1, ready=False, error="no such file")
    assert [] == watched.pass_(1, ready=True, error="")
    ((rule, fields),) = watched.pass_(100, ready=False, error="no such file")
    assert (DOWN, {"source": "one", "error": "no such file"}) == (rule, fields)
    assert [(UP, "one")] == [(rule, fields["source"]) for rule, fields in watched.pass_(3, ready=True, error="")]


def test_a_source_that_never_opens(watched):
    """A source that cannot be opened from the start is down."""
    assert [DOWN] == [rule for rule, _ in watched.pass_(60, lives=2, error="the port is in use")]


def test_a_source_that_has_ended(watched):
    """A source that has come to its end is not down."""
    assert [] == watched.pass_(60, lives=1, was_ready=True, ended=True)

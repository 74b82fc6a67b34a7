"""Alerts about the agent's own life: start, stop, heartbeat, and a clock that somebody has set."""

import pytest

from falcohost.host.supervision.life import HEARTBEAT, JUMPED, STARTED, STOPPED, Life
from falcohost.testing.clock import ManualClock


class Lived:
    """The life of an agent, with a clock, and a time of day that can be set."""

    def __init__(self, period):
        self.clock, self.offset, self.alerts = ManualClock(), 1000.0, []
        self.life = Life(lambda *alert: self.alerts.append(alert), "1.2", period, self.clock, lambda: self.offset)

    def pass_(self, seconds):
        """Let time pass; return the alerts."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.life.look()
        found, self.alerts = self.alerts, []
        return found


@pytest.fixture
def lived():
    """Return a function that begins a life with a period of heartbeats."""
    return Lived


def test_start_and_stop(lived):
    """Both say what there is to say."""
    one = lived(0)
    one.life.started(["syscall"], 7)
    one.pass_(0)
    one.life.started(["syscall"], 7)
    one.clock.advance(60)
    one.life.stopped("SIGTERM")
    (started, stopped) = one.alerts

    assert (STARTED, "NOTICE", {"sources": ["syscall"], "rules": 7}) == (started[0], started[1].name, started[3])
    assert (STOPPED, "NOTICE", {"signal": "SIGTERM", "seconds": 60}) == (stopped[0], stopped[1].name, stopped[3])


def test_heartbeats(lived):
    """There is one for each period, and none without."""
    beats = lived(10).pass_(35)

    assert [(HEARTBEAT, 1), (HEARTBEAT, 2), (HEARTBEAT, 3)] == [
        (rule, fields["number"]) for rule, _, _, fields in beats
    ]
    assert [] == lived(0).pass_(100)


@pytest.mark.parametrize(("moved", "how"), [(3600.0, "forward by 3600.0 s"), (-5.5, "back by 5.5 s")])
def test_a_clock_that_is_set(lived, moved, how):
    """One alert for each time that it is set, with how much."""
    one = lived(0)
    assert [] == one.pass_(5)
    one.offset += moved
    ((rule, priority, text, fields),) = one.pass_(10)

    assert (JUMPED, "WARNING", {"seconds": moved}) == (rule, priority.name, fields)
    assert how in text


def test_a_clock_that_is_slewed(lived):
    """A clock that is brought into step little by little does not jump."""
    one = lived(0)
    for _ in range(100):
        one.offset += 0.5
        assert [] == one.pass_(1)

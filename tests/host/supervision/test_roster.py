"""The roster tells of the processes that the agent has, and of those that it had a moment ago."""

from types import SimpleNamespace

import pytest

from falcohost.host.supervision import roster
from falcohost.host.supervision.roster import MOST_REMEMBERED, REMEMBERED, Roster
from falcohost.testing.clock import ManualClock


class Played:
    """Workers that note what they are told, and services whose processes a test sets."""

    def __init__(self):
        self.children = []
        self.pids = {}
        self.told = []

    def tell(self, message):
        """Note it."""
        self.told.append(message.processes)

    def running(self):
        """Return the services by role."""
        return self.pids.items()

    def job(self, role):
        """Return that it is not known."""


@pytest.fixture
def played(monkeypatch):
    """Return them, a clock, and the roster; each process was started when its pid says."""
    monkeypatch.setattr(roster, "since", lambda pid: pid * 10)
    played, clock = Played(), ManualClock()
    return SimpleNamespace(agent=played, clock=clock, roster=Roster(played, (played,), clock))


def services(played):
    """Look, and return what was told last of all processes but the supervisor."""
    played.roster.look()
    return [(one.pid, one.since, one.role, one.ended) for one in played.agent.told[-1] if one.role != "supervisor"]


def test_an_ended_process(played):
    """It is told of, with its start, until its time is over."""
    played.agent.pids = {"store": 5}
    services(played)
    played.agent.pids = {"store": 6}
    assert services(played) == [(6, 60, "store", False), (5, 50, "store", True)]

    played.clock.advance(REMEMBERED)
    played.agent.pids = {"store": 7}
    assert services(played) == [(7, 70, "store", False), (6, 60, "store", True)]


def test_a_pid_that_is_taken_again(played):
    """Only who has it now is told of."""
    for pid in (5, 6, 5):
        played.agent.pids = {"store": pid}
        found = services(played)
    assert found == [(5, 50, "store", False), (6, 60, "store", True)]


def test_many_ended(played):
    """Only the last ones are remembered."""
    for pid in range(2, MOST_REMEMBERED + 10):
        played.agent.pids = {"store": pid}
        found = services(played)
    assert [pid for pid, _, _, ended in found if ended] == list(range(9, MOST_REMEMBERED + 9))


def test_no_news(played):
    """Nothing is told a second time."""
    played.roster.look()
    played.roster.look()
    assert len(played.agent.told) == 1

"""The supervisor and a health process that is in an attacker's hands: what that may have, and how often."""

import os
import time
from collections import Counter

import pytest
from hostile import Watched, starting

from falcohost.host.health import messages
from falcohost.host.health.given import HealthGiven
from falcohost.host.numbers import StoreNumbers
from falcohost.host.snapshot import Snapshot, StoreSnapshot, StoreState
from falcohost.host.supervision import health as module
from falcohost.host.supervision.health import PAUSE, SNAPSHOT, Health, Numbers
from falcohost.host.supervision.loop import Loop
from falcohost.host.wire import packed


class Asked(Watched):
    """A supervisor's side, which counts what it does for the process."""

    def __init__(self):
        self.counts, self.alerts = Counter(), []
        given = HealthGiven(data=os.open(os.devnull, os.O_RDONLY), user=None)
        state = messages.State(ready=True, works=True)
        self.health = Health(
            loop := Loop(),
            given,
            lambda: state,
            Numbers(self._refresh, self._snapshot),
            lambda *one: self.alerts.append(one),
        )
        super().__init__(loop, self.health)

    def _refresh(self, then):
        self.counts["asked"] += 1
        then()

    def _snapshot(self):
        return Snapshot("1", 1, 1.0, [], [], StoreSnapshot(StoreState(True), StoreNumbers()))


@pytest.fixture
def hostile(monkeypatch):
    """Return a function that runs a health process which does what it is told; it is killed in the end."""
    running = []

    def hostile(does):
        monkeypatch.setattr(module, "start_health", starting(does))
        watched = Asked()
        watched.health.start()
        running.append(watched)
        return watched

    yield hostile
    for watched in running:
        watched.end()


def test_one_that_asks_and_asks(hostile):
    """However often it asks, it gets the numbers once in a while."""

    def does(link):
        for _ in range(100):
            link.sendall(packed(messages.Ask()) * 50)
            time.sleep(0.02)

    watched, begun = hostile(does), time.monotonic()
    watched.run(lambda: time.monotonic() - begun > 2)

    assert 1 <= watched.counts["asked"] <= (time.monotonic() - begun) / PAUSE + 1


def test_snapshots_that_nobody_has_asked_for(hostile):
    """They are no alerts, and neither is a rule of its choice: only the fields are its own."""

    def does(link):
        link.sendall(packed(messages.Sample({"rule": "Read sensitive file", "x": 1})) * 100)
        link.sendall(packed(messages.Ask()))

    watched = hostile(does)
    watched.run(lambda: watched.counts["asked"])

    assert [] == watched.alerts


@pytest.mark.parametrize(
    "sent",
    [b"\xff\xff\xff\xff", packed(messages.Sample({"x": "y" * 600})), packed(messages.State(ready=True, works=True))],
    ids=["no message", "too long", "not its message"],
)
def test_what_it_may_not_send(hostile, sent):
    """It is killed and replaced, with an alert that is no snapshot."""
    watched = hostile(lambda link: link.sendall(sent))
    watched.run(lambda: watched.health.restarts)

    assert {"Falcohost internal: process restarted"} == {one[0] for one in watched.alerts}
    assert "invalid message" in watched.alerts[0][2]
    assert SNAPSHOT not in {one[0] for one in watched.alerts}

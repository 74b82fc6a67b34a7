"""``script/bench overhead`` counts what an agent says that it has lost."""

import logging
import sys
from pathlib import Path

import pytest

from falcohost.host.drops import LossLog
from falcohost.host.numbers import Numbers

BENCH = Path(__file__).resolve().parent.parent / "bench"


@pytest.fixture
def overhead(monkeypatch):
    """Return the module of the benchmark."""
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    import overhead

    return overhead


def test_losses_of_the_log(overhead, caplog):
    """The number is that of the agent's last line about losses, and 0 without one."""
    assert 0 == overhead.lost_events("")
    losses = LossLog("syscall")
    with caplog.at_level(logging.WARNING):
        losses.tell(Numbers(9, 9, {"ring_full": 7}))
        losses.tell(Numbers(9, 9, {"ring_full": 11, "flood": 2}))

    assert 13 == overhead.lost_events(caplog.text)


def test_what_a_start_leaves_behind(overhead, tmp_path, monkeypatch):
    """Loads begin when the time for it is over and the agent has said that it is done; one that never says it fails."""
    agent = overhead.Agent([], "Ready", wait=0.2)
    agent._log = tmp_path / "log"
    agent._log.write_text("Ready\n")
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            agent._log.write_text("All filters are loaded, 0.3 s after the first.\n")

    monkeypatch.setattr(overhead.time, "sleep", sleep)
    agent.settle(0, overhead.FILTERED)
    assert 3 == len(waited)
    monkeypatch.setattr(overhead.time, "sleep", lambda _: None)
    with pytest.raises(SystemExit, match="did not say"):
        agent.settle(0, "something else")


def test_losses_of_other_agents(overhead):
    """Falco's summary is understood, too."""
    assert 12 == overhead.lost_events("Driver Events:345\nDriver Drops:12\n")

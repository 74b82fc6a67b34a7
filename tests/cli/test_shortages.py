"""Limits of the system that an agent reaches while it runs: it goes on, and says what is short and what mends it."""

import os
import resource
import signal
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.storing.process import NAME as STORE

ONLY_NUMBERS = ["--enable-source", "numbers"]

#: What is said of too many open files.
LIMIT = "too many files are open: the process has reached its limit; raise it (ulimit -n; LimitNOFILE="


class Limited:
    """An agent whose supervisor may open no more files than it has, until that is over."""

    def __init__(self, running):
        self.running, pid = running, running.process.pid
        self._before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        lowest = min({*range(4096)} - {int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()})
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, self._before[1]))

    def end(self):
        """Allow as many as before."""
        resource.prlimit(self.running.process.pid, resource.RLIMIT_NOFILE, self._before)


@pytest.fixture
def running(agent, setup):
    """Return an agent that runs."""
    running = agent(*setup("json_output: true", numbers={"interval": 0.05}), *ONLY_NUMBERS)
    running.wait_for_alerts(1)
    return running


def internal(running, rule):
    """Return the alerts of an internal rule."""
    return [alert for alert in running.alerts if alert["rule"] == rule]


def test_a_reload_without_a_free_descriptor(running, until):
    """It is refused with what is short; the next one, when more files are allowed, is accepted."""
    limited = Limited(running)
    running.process.send_signal(signal.SIGHUP)
    (refused,) = until(lambda: internal(running, "Falco internal: hot restart failure"))
    assert f"checking configuration and rules takes a process: {LIMIT}" in refused["output"]

    limited.end()
    running.process.send_signal(signal.SIGHUP)
    until(lambda: internal(running, "Falcohost internal: reload"))
    assert 0 == running.end()


@pytest.mark.parametrize("who", [STORE, OUTPUTS, "worker"])
def test_a_process_that_cannot_be_started_again(running, until, who):
    """The agent goes on, says what is short, and starts the process when more files are allowed."""
    victim = running.workers()[0] if who == "worker" else running.service(who)
    limited = Limited(running)
    os.kill(victim, signal.SIGKILL)
    running.wait_for(LIMIT)
    seen = len(running.alerts)

    limited.end()
    until(lambda: len(running.alerts) >= seen + 5)
    assert "Traceback" not in running.stderr
    assert 0 == running.end()

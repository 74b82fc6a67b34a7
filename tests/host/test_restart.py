"""Since when the agent runs."""

import os
import time
from pathlib import Path

from falcohost.host.restart import STARTED, age, begun


def now():
    """Return the time on the clock that the age is counted by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def test_age_of_the_process(monkeypatch):
    """Nothing said, it is the age of the process."""
    monkeypatch.delenv(STARTED, raising=False)
    began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")

    before, found, after = now(), age(), now()
    assert before - began <= found <= after - began


def test_age_since_what_the_environment_says(monkeypatch):
    """A restart in place, and script/run behind its setup, say when they started it."""
    before = now()
    monkeypatch.setenv(STARTED, str(before - 100))

    assert 100 <= age() <= 100 + now() - before


def test_a_start_that_stays_the_same(monkeypatch):
    """When the agent was started is a time that no correction of the clock moves."""
    monkeypatch.setenv(STARTED, str(now() - 100))
    begun.cache_clear()
    first, latest = begun(), time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: latest + 10**9)

    assert latest - 101 * 10**9 < first < latest - 99 * 10**9
    assert first == begun()
    begun.cache_clear()


def test_run_starts_the_clock_behind_the_setup(root):
    """The time that script/run prints is of the boot-time clock, read after the setup."""
    script = (root / "script" / "run").read_text()

    assert f"{STARTED}=$(cut -d' ' -f1 /proc/uptime) exec" in script
    assert script.index("script/setup") < script.index(STARTED)

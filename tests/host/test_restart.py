"""Since when the agent runs."""

import os
import time
from pathlib import Path

from falcohost.host.restart import STARTED, age


def test_age_of_the_process(monkeypatch):
    """Nothing said, it is the age of the process."""
    monkeypatch.delenv(STARTED, raising=False)
    began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")

    assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - began - age()) < 0.1


def test_age_since_what_the_environment_says(monkeypatch):
    """A restart in place, and script/run behind its setup, say when they started it."""
    monkeypatch.setenv(STARTED, str(time.clock_gettime(time.CLOCK_BOOTTIME) - 100))

    assert 100 <= age() < 101


def test_run_starts_the_clock_behind_the_setup(root):
    """What script/run says is the boot-time clock, read after the setup."""
    script = (root / "script" / "run").read_text()

    assert f"{STARTED}=$(cut -d' ' -f1 /proc/uptime) exec" in script
    assert script.index("script/setup") < script.index(STARTED)

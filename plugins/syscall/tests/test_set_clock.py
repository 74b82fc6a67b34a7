"""Somebody sets the clock of the machine while the agent runs: in a guest, whose clock belongs to the test."""

import contextlib
import datetime
import itertools
import json
import os
import sqlite3
import time

import pytest

from falcohost.host.supervision.life import JUMPED
from falcohost.store.directory import DATABASE
from falcohost.testing.cli import run_cli
from falcohost.testing.waiting import wait_until

RULES = """
- rule: Marked
  desc: A marked file is opened.
  condition: evt.type in (open, openat) and fd.name startswith {folder}/mark-
  output: marked (file=%fd.name)
  priority: NOTICE
"""

#: Seconds by which the clock is set, one after the other: an hour forward, back beyond where it was, ten years ahead.
STEPS = (3600, -3 * 3600, 3652 * 86_400)

#: Alerts of one rule and file before others are folded, and files opened before and after each step.
AFTER, OPENED = 2, 5

#: Seconds in which folds are told after a step, also in an emulated guest; less than each step.
LATEST = 300.0
#: Seconds by which a step may differ from what was asked, where the guest stands still between two lines.
SLACK = 10.0
#: Seconds between two alerts of many, which an emulated processor has to get through.
PAUSE = 0.2
#: Seconds of a year, which no test takes.
YEAR = 365 * 86_400

#: MiB of the store, of which a sixteenth is written before it looks for what is too old; characters of the names of
#: files that are opened for that.
MEGABYTES, LONG = 2, 200

SETTINGS = {
    "falcohost": {"fold": {"after": AFTER, "window": 5.0}, "alerts": {"max_age_days": 1, "max_size_mb": MEGABYTES}},
}


@pytest.fixture
def guest():
    """Skip the test on a machine whose clock is somebody else's."""
    if os.environ.get("FALCOHOST_GUEST") != "1":
        pytest.skip("it sets the clock, and so runs in a guest only (tests/test_guest.py)")


def set_clock(seconds):
    """Set the time of day by so many *seconds*."""
    time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + seconds * 1_000_000_000)


def test_a_clock_that_is_set(guest, start_agent, open_folder):
    """Each step is told once, with its seconds; events have the new time, folds are whole, and nothing ages by it."""
    folder = open_folder / "clock"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES.format(folder=folder))
    agent = start_agent(folder / "rules.yaml", settings=SETTINGS)

    def open_files(name):
        for _ in range(OPENED):
            with contextlib.suppress(FileNotFoundError):
                os.open(f"{folder}/{name}", os.O_RDONLY)

    def of(name):
        marked = [one for one in agent.alerts if one["rule"] == "Marked"]
        return [one for one in marked if one["output_fields"]["fd.name"].endswith(name)]

    def jumps():
        return [one["output_fields"]["seconds"] for one in agent.alerts if one["rule"] == JUMPED]

    def are_whole(*names):
        """Return whether each match has an alert of its own, or is counted by one."""
        counts = [sum(one["output_fields"].get("falcohost.count", 1) for one in of(name)) for name in names]
        return counts == [OPENED] * len(names)

    def look_for_old_alerts():
        """Have the store look for what is too old, and wait until it has done so at a time that is years ahead."""
        before, numbers = time.time() - YEAR, itertools.count()
        database = f"file:{agent.folder / 'state' / DATABASE}?mode=ro"
        with contextlib.closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:

            def has_looked():
                with contextlib.suppress(FileNotFoundError):
                    os.open(f"{folder}/mark-{next(numbers)}-{'x' * LONG}", os.O_RDONLY)
                time.sleep(PAUSE)
                return connection.execute("SELECT wall FROM age").fetchall()[0][0] > before

            wait_until(has_looked, lambda: agent.log)

    def step(number, seconds):
        before, after = f"mark-{number}-before", f"mark-{number}-after"
        open_files(before)
        set_clock(seconds)
        begun = time.monotonic()
        open_files(after)
        wait_until(lambda: are_whole(before, after), lambda: (agent.alerts[-20:], agent.log))
        assert LATEST > time.monotonic() - begun
        # At a step another window may begin, wherever among these.
        assert all(AFTER < len(of(name)) <= 2 * (AFTER + 1) for name in (before, after)), agent.alerts[-20:]
        wait_until(lambda: len(jumps()) == number, lambda: (jumps(), agent.log))
        assert abs(jumps()[-1] - seconds) < SLACK
        told = datetime.datetime.fromisoformat(of(after)[0]["time"][:19] + "+00:00").timestamp()
        assert abs(told - time.time()) < LATEST

    for number, seconds in enumerate(STEPS, 1):
        step(number, seconds)
        if seconds > YEAR:
            look_for_old_alerts()
    open_files("mark-last")
    wait_until(lambda: of("mark-last"), lambda: agent.log)
    state = ("--state-dir", str(agent.folder / "state"))
    found = json.loads(run_cli("store", "--json", *state, folder=folder, environment=dict(os.environ)).stdout)

    assert len(STEPS) == len(jumps())
    assert found["last"] == found["alerts"]
    assert LATEST > max(one["lag"] for one in found["marks"])
    assert agent.stop() == 0

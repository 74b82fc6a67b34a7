"""Matches that are only counted outlive the worker that has counted them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from falcohost.testing.waiting import wait_until

#: Kills in the long and in the short form.
KILLS = (60, 4)

RULES = """
- rule: Opened again
  desc: A process opens its file again and again.
  condition: evt.type in (open, openat) and fd.name = {folder}/counted-file
  output: opened | %proc.pid
  priority: WARNING
"""

OPENER = """
import os, sys, time
opened = 0
while not os.path.exists(sys.argv[2]):
    for _ in range(4):
        os.close(os.open(sys.argv[1], os.O_RDONLY))
    opened += 4
    time.sleep(0.02)  # so few that they get room beside the floods of other tests
print(opened)
"""


@pytest.fixture(scope="module")
def agent(start_agent, open_folder):
    """Return an agent that tells five matches by themselves, and counts the others for a second."""
    rules = open_folder / "counted.yaml"
    rules.write_text(RULES.format(folder=open_folder))  # not those of another run on this machine
    (open_folder / "counted-file").touch()
    return start_agent(rules, settings={"falcohost": {"fold": {"after": 5, "window": 1}}})


def test_every_match_is_told_or_counted(agent, open_folder, syscall_worker, soak):
    """The alerts of a flood, during which the worker is killed again and again, stand for every event of it."""
    dice, kills = random.Random(1), soak(*KILLS)
    file, end = open_folder / "counted-file", open_folder / "counted-end"
    command = [sys.executable, "-ISc", OPENER, file, end]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as opener:
        try:
            for _ in range(kills):
                time.sleep(0.2 + dice.random())
                with contextlib.suppress(ProcessLookupError):  # the one before may be there until it gets a processor
                    os.kill(syscall_worker(agent.process.pid), signal.SIGKILL)
            syscall_worker(agent.process.pid)
        finally:
            end.touch()
        opened = int(opener.communicate()[0])

    def counted() -> int:
        fields = [alert["output_fields"] for alert in agent.alerts if alert["rule"] == "Opened again"]
        return sum(found.get("falcohost.count", 1) for found in fields)

    wait_until(lambda: counted() >= opened, lambda: f"{counted()} of {opened}; {agent.log[-2000:]}")
    time.sleep(1)  # in which nothing more may come
    assert opened == counted()

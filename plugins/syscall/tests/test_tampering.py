"""What somebody does to the loaded probe is an alert that says what was found, and the agent sees again after it."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcohost.testing.waiting import wait_until

RULE = """
- rule: Marked
  desc: Somebody opened a mark.
  condition: evt.type in (open, openat) and fd.name contains /falcohost-tampered-
  output: marked %fd.name
  priority: NOTICE
"""

TAMPERED = "Falcohost internal: agent tampered with"
ATTACKS = Path(__file__).with_name("attacks.py")
OPEN_AGAIN = "Event source 'syscall' is open again"
COUNT = itertools.count()


@pytest.fixture(scope="module")
def agent(start_agent, open_folder):
    """Return an agent that waits for marks."""
    rules = open_folder / "tampering.yaml"
    rules.write_text(RULE)
    return start_agent(rules)


@pytest.fixture
def is_seen(agent, tmp_path):
    """Return a function that waits until a mark is seen."""

    def is_seen():
        mark = tmp_path / f"falcohost-tampered-{next(COUNT)}"

        def is_there():
            mark.open("w").close()
            time.sleep(0.1)
            return any(str(mark) in alert["output"] for alert in agent.alerts)

        wait_until(is_there)

    return is_seen


def attack(agent, *words):
    """Do what the words say, in a process of its own."""
    subprocess.run([sys.executable, ATTACKS, str(agent.process.pid), *words], check=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("leave_out",), "was added to those whose calls are not collected; it is removed again"),
        (("empty", "ignored_pids"), "was removed from those whose calls are not collected; it is added again"),
        (("zero", "ignored_hints"), "whose calls are not collected, was removed; it is set again"),
        (("zero", "calls"), "entries of the map 'calls' were changed"),
        (("zero", ".data.wanted"), "entries of the map '.data.wanted' were changed"),
        (("zero", ".data.asked"), "entries of the map '.data.asked' were changed"),
        (("ones", ".data.options"), "entries of the map '.data.options' were changed"),
        (("spend", "processes_spent"), "entries of the map 'processes_spent' say that more was spent"),
        (("spend", "groups_spent"), "entries of the map 'groups_spent' say that more was spent"),
        (("reset", "call_counts"), "counters of events or losses have fallen"),
        (("empty", "stages"), "entries of the map 'stages' were changed"),
        (("replace", "filters"), "entries of the map 'filters' were changed"),
        (("empty", "exec_stages"), "entries of the map 'exec_stages' were changed"),
        (("empty", "processes"), "entries of the map 'processes' were changed or removed"),
        (("empty", "large_images"), "entries of the map 'large_images' were changed or removed"),
        (("freeze", "calls"), "the map 'calls' was frozen"),
        (("freeze", "ignored_pids"), "the map 'ignored_pids' was frozen"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, tuple) else "",
)
def test_what_is_changed(agent, is_seen, words, said):
    """It is found, told, and mended."""
    is_seen()
    before, opened = len(agent.alerts), agent.log.count(OPEN_AGAIN)
    attack(agent, *words)

    def told():
        return [one for one in agent.alerts[before:] if one["rule"] == TAMPERED and said in one["output"]]

    wait_until(told, lambda: agent.log[-2000:])

    assert {"Critical"} == {one["priority"] for one in told()}
    if "loaded anew" in told()[0]["output"]:
        wait_until(lambda: agent.log.count(OPEN_AGAIN) > opened)
    is_seen()


def test_a_ring_that_is_given_back(agent, is_seen):
    """A reader whose position somebody else has moved sets it back, says so, and is replaced."""
    is_seen()
    attack(agent, "skip", "call_ring")
    agent.wait_for(lambda alert: alert["rule"] == TAMPERED and "position in a ring was moved" in alert["output"])
    is_seen()

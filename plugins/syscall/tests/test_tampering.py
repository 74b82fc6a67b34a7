"""What somebody does to the loaded probe is an alert that says what was found, and the agent sees again after it."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from falcohost.testing.waiting import wait_until

RULE = """
- rule: Marked
  desc: Somebody opened a mark.
  condition: evt.type in (open, openat) and fd.name contains /falcohost-tampered-
  output: marked %fd.name
  priority: NOTICE
- rule: Executed
  desc: Somebody executes nothing, so that the programs for execs are loaded.
  condition: evt.type = execve and proc.name = falcohost-tampered
  output: executed %proc.name
  priority: NOTICE
"""

TAMPERED = "Falcohost internal: agent tampered with"
ATTACKS = Path(__file__).with_name("attacks.py")
OPEN_AGAIN = "Event source 'syscall' is open again"
COUNT = itertools.count()


#: What is done, and what is said of it.
CHANGES = [
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
]

#: How many agents are attacked beside each other: each looks at its maps only each second.
AGENTS = 3


class Attacked:
    """An agent that waits for marks in *folder*, and is attacked."""

    def __init__(self, agent, folder):
        self.agent = agent
        self._folder = folder

    def wait_until_it_sees(self):
        """Wait until a mark is seen."""
        mark = self._folder / f"falcohost-tampered-{next(COUNT)}"

        def is_there():
            mark.open("w").close()
            time.sleep(0.1)
            return any(str(mark) in alert["output"] for alert in self.agent.alerts)

        wait_until(is_there)

    def attack(self, *words):
        """Do what the words say, in a process of its own."""
        subprocess.run([sys.executable, ATTACKS, str(self.agent.process.pid), *words], check=True)

    def change(self, words, said):
        """Attack it, and wait until that is told and mended; return the alerts."""
        self.wait_until_it_sees()
        before, opened = len(self.agent.alerts), self.agent.log.count(OPEN_AGAIN)
        self.attack(*words)

        def told():
            return [one for one in self.agent.alerts[before:] if one["rule"] == TAMPERED and said in one["output"]]

        wait_until(told, lambda: self.agent.log[-2000:])
        if "loaded anew" in told()[0]["output"]:
            wait_until(lambda: self.agent.log.count(OPEN_AGAIN) > opened)
        self.wait_until_it_sees()
        return told()

    def change_all(self, changes):
        """Do one after the other; return the outcome of each."""
        outcomes = {}
        for words, said in changes:
            outcomes[words] = outcome = Future()
            try:
                outcome.set_result(self.change(words, said))
            except Exception as error:
                outcome.set_exception(error)
        return outcomes


@pytest.fixture(scope="module")
def attacked(start_agent, open_folder, tmp_path_factory):
    """Return agents that wait for marks."""
    rules = open_folder / "tampering.yaml"
    rules.write_text(RULE)
    folders = [tmp_path_factory.mktemp("marks") for _ in range(AGENTS)]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda folder: Attacked(start_agent(rules), folder), folders))


@pytest.fixture(scope="module")
def outcomes(attacked):
    """Return by the words of each change what came of it, in agents that were attacked at the same time."""
    with ThreadPoolExecutor() as pool:
        shares = [pool.submit(one.change_all, CHANGES[at::AGENTS]) for at, one in enumerate(attacked)]
    return {words: outcome for share in shares for words, outcome in share.result().items()}


@pytest.mark.parametrize("words", [words for words, _ in CHANGES], ids="-".join)
def test_what_is_changed(outcomes, words):
    """It is found, told, and mended."""
    assert {"Critical"} == {one["priority"] for one in outcomes[words].result()}


def test_a_ring_that_is_given_back(outcomes, attacked):
    """A reader whose position somebody else has moved sets it back, says so, and is replaced."""
    one = attacked[0]
    one.wait_until_it_sees()
    one.attack("skip", "call_ring")
    one.agent.wait_for(lambda alert: alert["rule"] == TAMPERED and "position in a ring was moved" in alert["output"])
    one.wait_until_it_sees()

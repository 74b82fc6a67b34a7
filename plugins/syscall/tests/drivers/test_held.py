"""How many descriptors an agent holds of its probe: no more than go up, however many calls rules ask for."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcohost.handed import MOST_HELD
from falcohost.host.kept_descriptors import MOST_SENT
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf.attach.at_functions import OTHERS, chosen
from falcohost_syscall.drivers.modern_ebpf.loader import within
from falcohost_syscall.drivers.modern_ebpf.probe import PROGRAMS, Probe
from falcohost_syscall.drivers.modern_ebpf.wanted import calls
from falcohost_syscall.records.record import COMPAT_BASE, WANT_ENTERED, CallSpec

#: What a program of this name does is told of.
NAME = "held-by"

RULES = f"""
- rule: Anything
  desc: A program with this name does anything at all.
  condition: proc.name = {NAME}
  output: done (type=%evt.type)
  priority: NOTICE
"""


def run(agent, command):
    """Run a command on the agent; return what has come of it."""
    line = [sys.executable, "-m", "falcohost", command, "--state-dir", str(agent.folder / "state")]
    return subprocess.run(line, capture_output=True, text=True)


def test_calls_at_functions():
    """Of many calls those are at functions whose arguments are compared, then those that were; 32-bit ones go along."""
    few = {number: CallSpec(1, 0) for number in (0, 1, COMPAT_BASE)}
    many = {number: CallSpec(1, WANT_ENTERED if number == 299 else 0) for number in range(300)}
    compat = {COMPAT_BASE + number: CallSpec(1, 0) for number in range(300)}

    assert {0, COMPAT_BASE} == chosen(few, {1}, set(), 1)
    assert {*compat, *range(97), 298, 299} == chosen(many | compat, set(), {298}, 100)
    assert many.keys() | compat.keys() == chosen(many | compat, set(), set(), 301)


def test_all_calls_have_room():
    """Where an agent may have as many files open as it wants, each call can be at a function, and be compared."""
    every = {number: CallSpec(1, WANT_ENTERED) for number in range(470)}

    assert every.keys() == chosen(every, set(), set(), MOST_HELD - OTHERS)


def test_what_is_held():
    """What the probe depends on is held whole; of the programs, as many as there is room for."""
    held = {"maps": range(100), "links": range(100), PROGRAMS: range(200)}

    assert held | {PROGRAMS: range(40)} == within(held, 10, 250)
    assert held == within(held, 10, 410)
    assert held | {PROGRAMS: range(0)} == within(held, 250, 250)


@pytest.fixture(scope="module")
def agent(start_agent, open_folder):
    """Return an agent with a rule that asks for all calls."""
    folder = open_folder / "all"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES)
    shutil.copy("/bin/cat", folder / NAME)
    return start_agent(folder / "rules.yaml", settings={"base_syscalls": {"all": True}})


def test_a_rule_on_all_calls(agent, open_folder):
    """With such a rule, the agent starts, and tells of what a program does."""
    wait_until(lambda: {"openat", "close"} <= told(agent, open_folder), lambda: agent.log)


def told(agent, folder):
    """Run the program; return the types of what was told of it, and before."""
    subprocess.run([folder / "all" / NAME, "/dev/null"], check=True)
    time.sleep(1)
    return {one["output"].rpartition("type=")[2].rstrip(")") for one in agent.alerts}


def links(agent):
    """Return the kernel's numbers of the links that the supervisor holds."""
    lines: list[str] = []
    for one in Path(f"/proc/{agent.process.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed by now
            lines += one.read_text().split("\n")
    return {int(line.split()[1]) for line in lines if line.startswith("link_id:")}


def test_all_calls_are_at_functions(functions, agent):
    """The supervisor holds a link for each call, more than go into one message, and calls are at functions."""
    where = [
        line for line in run(agent, "stats").stdout.splitlines() if "calls are seen at the kernel's functions" in line
    ]

    assert where
    assert len(links(agent)) > MOST_SENT


def test_all_go_on_through_an_upgrade(agent, open_folder):
    """An agent that executes itself anew has all links again: none was made anew."""
    before = links(agent)
    done = run(agent, "upgrade")  # which does not wait as long as some machines take
    wait_until(lambda: 2 == agent.log.count("Ready after"), lambda: f"{done.stderr}{agent.log}")
    count = len(agent.alerts)

    wait_until(lambda: told(agent, open_folder) and len(agent.alerts) > count, lambda: agent.log)
    assert before
    assert before <= links(agent), agent.log


def test_the_shipped_rules(start_agent):
    """With the rules that are shipped, the agent starts, and tells of who reads the passwords."""
    agent = start_agent()
    subprocess.run(["cat", "/etc/shadow"], stdout=subprocess.DEVNULL, check=True)

    wait_until(lambda: [one for one in agent.alerts if "/etc/shadow" in one["output"]], lambda: agent.log)


def test_beginnings_are_held(functions):
    """The links at the beginning of calls are held, too: else nothing would be compared when the loader is gone."""
    wanted = calls(frozenset({"rename", "setxattr"}))
    plain = {number: spec._replace(want=spec.want & ~WANT_ENTERED) for number, spec in wanted.items()}
    with Probe(by_function=True) as probe:
        probe.prepare(wanted)
        probe.set_calls(plain)
        before = len(probe.held["links"])
        probe.set_calls(wanted)

        assert before + 2 <= len(probe.held["links"])

"""A start: the probe is loaded while the rules are read. Nothing of that shows in what is told, or if it goes wrong."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from marks import Marks

from falcohost.testing.agent import READER, Agent
from falcohost.testing.waiting import SLOWNESS, wait_until

RULES = """
- rule: Mark
  desc: A file is made in a folder.
  condition: evt.type in (open, openat, openat2) and evt.is_open_create = true and fd.name startswith {folder}/mark-
  output: mark (file=%fd.name)
  priority: NOTICE
"""

#: Rules that take the reader longer than the probe takes until it has its first maps.
MANY = """
- rule: Nothing {number}
  desc: Nobody does this.
  condition: evt.type in (openat, unlinkat) and fd.name in (/nobody/{number}, /no/{number}) and proc.name = no{number}
  output: nothing
  priority: DEBUG
"""

NUMBERS = """
- rule: Every number
  desc: Fires on every number.
  condition: number.value > 0
  output: counted
  priority: NOTICE
  source: numbers
"""

SETTINGS = {"watch_config_files": False, "falcohost": {"fold": {"enabled": False}}}


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """Return a file with the rule and with those that take the reader long, which nothing remembers."""
    monkeypatch.setenv("FALCOHOST_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "rules.yaml"
    many = "".join(MANY.format(number=number) for number in range(3000))
    file.write_text(RULES.format(folder=tmp_path) + many)
    return file


def has_maps(pid):
    """Return whether a process has maps of a probe."""
    try:
        links = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115 # no path
    except OSError:
        return False
    return any("bpf-map" in link for link in links)


def early(agent):
    """Return the pid of the process that loads the probe while the rules are read; None: there is none."""
    found = agent.processes()
    return next((pid for pid, name in found.items() if name != READER), None) if READER in found.values() else None


def found_early(agent):
    """Return that process as soon as there is one."""
    found = []
    wait_until(lambda: found.append(early(agent)) or found[-1], lambda: agent.log)
    return found[-1]


def counts(agent, marks):
    """Return how often each mark was told."""
    found = [0] * marks.made
    for one in agent.alerts:
        if one["rule"] == "Mark":
            found[int(one["output_fields"]["fd.name"].rpartition("-")[2])] += 1
    return found


def test_marks_across_a_start(tmp_path, rules, bpf):
    """What happens meanwhile is told from some moment on, each mark once; all that happens once it is ready is told."""
    with Marks(tmp_path / "mark-", 0.002 * SLOWNESS) as marks:
        agent = Agent(tmp_path, [rules], settings=SETTINGS)
        try:
            assert found_early(agent)
            agent.wait_until_ready()
            ready = marks.made
            wait_until(lambda: marks.made > ready + 200)
            marks.end()
            last = marks.name(marks.made - 1)
            agent.wait_for(lambda alert: alert["output_fields"].get("fd.name") == last)
            assert agent.stop() == 0
        finally:
            agent.kill()
    found = counts(agent, marks)
    first = found.index(1)

    assert first <= ready
    assert found[:first] == [0] * first
    assert found[first:] == [1] * (marks.made - first)


def test_one_that_is_killed(tmp_path, rules, bpf):
    """If the process that loads the probe is killed while the rules are read, another one loads it."""
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        os.kill(found_early(agent), signal.SIGKILL)
        agent.wait_until_ready()
        with Marks(tmp_path / "mark-", 0.002 * SLOWNESS) as marks:
            wait_until(lambda: marks.made > 20)
        wait_until(lambda: all(counts(agent, marks)), lambda: agent.log)
        assert [1] * marks.made == counts(agent, marks)
        assert agent.stop() == 0
    finally:
        agent.kill()


def test_new_rules_right_after_a_start(tmp_path, rules, bpf):
    """Rules that change while the agent starts count from its first reload on."""
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        assert found_early(agent)
        agent.wait_until_ready()
        rules.write_text(rules.read_text().replace("/mark-", "/other-"))
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for_log(lambda log: "now uses the new rules" in log)
        (tmp_path / "mark-0").touch()
        (tmp_path / "other-0").touch()
        alert = agent.wait_for(lambda alert: alert["rule"] == "Mark")
        assert str(tmp_path / "other-0") == alert["output_fields"]["fd.name"]
        assert agent.stop() == 0
    finally:
        agent.kill()


def test_rules_that_are_wrong(tmp_path, rules, bpf):
    """The agent says what is wrong with the rules, and ends with what it has begun to load."""
    rules.write_text(rules.read_text() + "- rule: Wrong\n  desc: No field.\n  condition: no.field = 1\n  output: o\n"
                     "  priority: INFO\n")  # fmt: skip
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        pid = found_early(agent)
        assert 1 == agent.process.wait(60 * SLOWNESS)
    finally:
        agent.kill()

    assert "no.field" in agent.log
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_no_rules_for_system_calls(tmp_path, root, bpf, monkeypatch):
    """Where no rule is for system calls, what was begun for them ends, and the other source runs."""
    site = tmp_path / "site"
    info = site / "falcohost_numbers-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(root / "tests" / "cli" / "numbers_plugin.py", site / "falcohost_numbers.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: falcohost-numbers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nnumbers = falcohost_numbers\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    rules = tmp_path / "rules.yaml"
    rules.write_text(NUMBERS)
    block = {"name": "numbers", "init_config": {"numbers": {"interval": 0.02}, "others": {}}}
    agent = Agent(tmp_path, [rules], settings={"plugins": [block], "load_plugins": ["numbers"]})
    try:
        agent.wait_for(lambda alert: alert["rule"] == "Every number")
        wait_until(lambda: not any(map(has_maps, agent.workers())))
        assert agent.stop() == 0
    finally:
        agent.kill()
    assert "falcohost_syscall" not in agent.log


FAILING = """
import os, sys
from pathlib import Path
from falcohost.cli.app import cli
from falcohost.errors import FalcohostError

try:
    cli(["run", "-r", sys.argv[1]])
except FalcohostError as error:
    print(error)
    print("children:", *Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
"""


def test_a_start_that_fails_leaves_no_process(tmp_path):
    """Who runs the command in a process that goes on, as tests do, has nothing that loads ahead beside it."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(folder=tmp_path).replace("fd.name", "fd.nmae"))

    done = subprocess.run([sys.executable, "-c", FAILING, rules], capture_output=True, text=True, check=True)

    assert "unknown field fd.nmae" in done.stdout
    assert "children:" == done.stdout.splitlines()[-1]

"""Where processors are short the agent goes first, unless it is told not to; programs of sources do not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import Agent
from falcohost.testing.cli import run_cli
from falcohost.testing.waiting import wait_until

RULES = """
- rule: lines
  desc: Never.
  condition: text.line = nothing
  output: never
  priority: INFO
  source: printed
"""


@pytest.fixture
def precedences(tmp_path):
    """Return a function that starts an agent and returns the precedences of its processes, and that of its program."""
    if os.geteuid() or os.getpriority(os.PRIO_PROCESS, 0) > 0:
        skip_or_fail("root", "root with the ordinary precedence is needed")
    started = []

    def precedences(before=(), **ours):
        rules = tmp_path / "rules.yaml"
        rules.write_text(RULES)
        source = {"name": "printed", "program": "exec sleep 1000"}
        settings = {
            "plugins": [{"name": "text", "init_config": {"sources": [source]}}],
            "load_plugins": ["text"],
            "engine": {"kind": "nodriver"},
            "falcohost": {"state_dir": str(tmp_path / "state"), **ours},
        }
        agent = Agent(tmp_path, [rules], settings=settings, before=before)
        started.append(agent)
        agent.wait_until_ready()
        wait_until(lambda: programs(agent.process.pid))
        own = descendants(agent.process.pid) - programs(agent.process.pid)
        return precedences_of({agent.process.pid, *own}), precedences_of(programs(agent.process.pid))

    yield precedences
    for agent in started:
        agent.stop()


def descendants(pid: int) -> set[int]:
    """Return the processes that descend from *pid*."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def programs(pid: int) -> set[int]:
    """Return the descendants of *pid* that are the source's program."""
    return {one for one in descendants(pid) if Path(f"/proc/{one}/cmdline").read_bytes() == b"sleep\0001000\0"}


def precedences_of(pids: set[int]) -> set[int]:
    """Return the precedences of these processes."""
    return {os.getpriority(os.PRIO_PROCESS, pid) for pid in pids}


def test_it_goes_first(precedences):
    """All processes of the agent have the configured precedence, and the program of a source the ordinary one."""
    assert ({-10}, {0}) == precedences()


@pytest.mark.parametrize(("before", "ours", "expected"), [((), {"nice": 0}, 0), (("nice", "-n", "5"), {}, 5)])
def test_it_is_told_otherwise(precedences, before, ours, expected):
    """It stays as it was started if the configuration says so, or if it was started with another precedence."""
    assert ({expected}, {expected}) == precedences(before, **ours)


@pytest.mark.parametrize("nice", [1, -21])
def test_what_is_no_precedence(tmp_path, nice):
    """A value that nobody can have, or that would put the agent behind others, is refused."""
    done = run_cli("--dry-run", "-o", f"falcohost.nice={nice}", "-o", "engine.kind=nodriver")

    assert 1 == done.returncode
    assert "falcohost.nice" in done.stderr


def test_the_test_runner_keeps_its_own(tmp_path):
    """An agent that runs in the process of a test leaves it its precedence."""
    (tmp_path / "log.jsonl").write_text('{"id": 7}\n')
    rule = {"rule": "Seven", "desc": "d", "condition": "json.value[/id] = 7", "output": "seven", "priority": "INFO"}
    (tmp_path / "rules.yaml").write_text(json.dumps([rule | {"source": "json"}]))
    before = os.getpriority(os.PRIO_PROCESS, 0)
    done = run_cli("run", "-r", "rules.yaml", "--source", "json", "log.jsonl", folder=tmp_path)

    assert "1 events received" in done.stderr
    assert before == os.getpriority(os.PRIO_PROCESS, 0)

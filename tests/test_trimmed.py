"""The outputs process returns what a flood of alerts has needed, though nothing happens afterwards."""

import json
import os

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.testing.agent import Agent
from falcohost.testing.descendants import below
from falcohost.testing.rollup import kib
from falcohost.testing.waiting import wait_until

RULES = """
- {rule: A, desc: d, condition: 'json.value[/x] exists', output: '%json.value[/x]', priority: INFO, source: json}
"""

#: Lines of the flood, and about the characters of one.
LINES, LENGTH = 4_000, 8_000

#: KiB that are returned at least.
RETURNED = 1 << 10


@pytest.fixture
def agent(tmp_path):
    """Return an agent that reads a log and writes a file."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "log").touch()
    block = {"name": "json", "open_params": str(tmp_path / "log"), "init_config": {"follow": True}}
    output = {"enabled": True, "keep_alive": True, "filename": str(tmp_path / "alerts")}
    settings = {"plugins": [block], "engine": {"kind": "nodriver"}, "file_output": output}
    agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings)
    agent.wait_until_ready()
    yield agent
    agent.kill()


def test_what_a_flood_has_needed(agent, tmp_path):
    """The outputs process is smaller a while after a flood than when it was over."""
    with (tmp_path / "log").open("a") as log:
        for number in range(LINES):
            log.write(json.dumps({"x": f"{number} " + os.urandom(LENGTH // 2).hex()}) + "\n")
    pid = next(pid for pid, name in below(agent.process.pid).items() if name == OUTPUTS)
    wait_until(lambda: (tmp_path / "alerts").exists() and (tmp_path / "alerts").read_bytes().count(b"\n") >= LINES)
    before = kib("Pss_Anon", pid)

    wait_until(
        lambda: kib("Pss_Anon", pid) < before - RETURNED, lambda: f"{before} KiB, and now {kib('Pss_Anon', pid)}"
    )

"""The agent ends when it is told to, whatever its outputs do."""

from __future__ import annotations

import json
import os

import pytest

from falcohost.testing.agent import Agent
from falcohost.testing.waiting import wait_until

#: An output that ends its process with each delivery, as a flaw in it could.
PLUGIN = """
import os
from falcohost import OutputSpec, hookimpl

class Ending:
    def deliver(self, alerts):
        os._exit(3)

    def reopen(self):
        pass

    def close(self):
        pass

@hookimpl
def falcohost_outputs():
    return [OutputSpec(name="ending", description="Ends.", make=lambda block, form: Ending())]
"""
RULES = """
- rule: Line
  desc: A line.
  condition: json.value[/n] exists
  output: "%json.value[/n]"
  priority: INFO
  source: app
"""


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """Return an agent that reads a log and has this output."""
    site = tmp_path / "site"
    info = site / "falcohost_ending-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "falcohost_ending.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: falcohost-ending\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nending = falcohost_ending\n")
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    rules, lines = tmp_path / "rules.yaml", tmp_path / "app.log"
    rules.write_text(RULES)
    lines.touch()
    app = {"name": "app", "open_params": str(lines), "follow": True}
    settings = {
        "load_plugins": ["json", "ending"],
        "plugins": [{"name": "json", "init_config": {"sources": [app]}}, {"name": "ending"}],
        "ending_output": {"enabled": True},
        "engine": {"kind": "nodriver"},
        "falcohost": {"state_dir": str(tmp_path / "state")},
    }
    agent = Agent(tmp_path, [rules], settings=settings)
    yield agent
    agent.kill()


def test_outputs_that_end_with_each_delivery(agent, tmp_path):
    """The store ends when the outputs have ended too often; the next ones do not wait for it."""
    agent.wait_until_ready()
    with (tmp_path / "app.log").open("a") as log:
        log.write(json.dumps({"n": 1}) + "\n")
    wait_until(lambda: agent.log.count("the outputs process") > 1)

    assert 0 == agent.stop()

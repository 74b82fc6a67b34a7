"""The syscall source beside another one: what happens to it does not happen to the other."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

RULES = """
- rule: Shadow read
  desc: The password hashes are read.
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/shadow and proc.name = mark
  output: shadow | %proc.exepath
  priority: NOTICE
- rule: Every number
  desc: Fires on every number.
  condition: number.value > 0
  output: counted | %number.value
  priority: NOTICE
  source: numbers
"""


@pytest.fixture
def numbers(root, tmp_path, monkeypatch) -> None:
    """Install the plugin that counts, for agents that are started from here, as pip would leave it on disk."""
    info = tmp_path / "site" / "falcohost_numbers-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(root / "tests" / "cli" / "numbers_plugin.py", info.parent / "falcohost_numbers.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: falcohost-numbers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nnumbers = falcohost_numbers\n")
    monkeypatch.setenv("PYTHONPATH", str(info.parent))


def test_killed_syscall_worker(numbers, start_agent, syscall_worker, tmp_path):
    """The syscall worker is killed: alerts are back once another has started; no number of the other is missing."""
    rules = tmp_path / "two.yaml"
    rules.write_text(RULES)
    block = {"name": "numbers", "init_config": {"numbers": {"interval": 0.02}, "others": {}}}
    agent = start_agent(rules, settings={"plugins": [block], "load_plugins": ["numbers"]})
    agent.wait_for(lambda alert: alert["rule"] == "Every number")
    os.kill(syscall_worker(agent.process.pid), signal.SIGKILL)
    killed, limit = time.monotonic(), max(10, 5 * float(re.search(r"Ready after ([\d.]+) s", agent.log)[1]))
    mark = tmp_path / "mark"
    shutil.copy("/bin/cat", mark)

    while not any(alert["rule"] == "Shadow read" for alert in agent.alerts):
        assert time.monotonic() < killed + limit, agent.log
        subprocess.run([mark, "/etc/shadow"], stdout=subprocess.DEVNULL, check=True)
        time.sleep(0.05)
    agent.wait_for(lambda alert: alert["rule"] == "Every number" and alert["output_fields"]["number.value"] > 20)
    assert agent.stop() == 0
    values = [a["output_fields"]["number.value"] for a in agent.alerts if a["rule"] == "Every number"]
    assert list(range(1, len(values) + 1)) == values
    assert len(values) > 20

"""What an agent keeps: nobody else reads its files, and its alerts age by the clock of this start of the machine."""

import contextlib
import sqlite3
import stat
from pathlib import Path

from falcohost.testing.agent import Agent
from falcohost.testing.waiting import wait_until

RULES = """
- rule: R
  desc: d
  condition: json.value[/a] = "1"
  output: found
  priority: WARNING
  source: json
"""


def private(path):
    """Return whether nobody but the owner of *path* may read it."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_files_and_age(tmp_path):
    """The database, its lock and the file of an output are private; the store's process knows the machine's start."""
    (tmp_path / "rules.yaml").write_text(RULES)
    block = {"name": "json", "init_config": {"program": ["sh", "-c", "echo '{\"a\": 1}'; sleep 600"]}}
    settings = {
        "plugins": [block],
        "engine": {"kind": "nodriver"},
        "file_output": {"enabled": True, "filename": str(tmp_path / "alerts.txt"), "keep_alive": True},
    }
    agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings)
    try:
        agent.wait_for(lambda alert: alert["rule"] == "R")
        (database,) = tmp_path.rglob("state.db")
        wait_until(lambda: (tmp_path / "alerts.txt").exists())
        assert all(map(private, [*database.parent.iterdir(), tmp_path / "alerts.txt"]))
    finally:
        agent.kill()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        ((boot,),) = connection.execute("SELECT boot FROM age").fetchall()

    assert Path("/proc/sys/kernel/random/boot_id").read_text().strip() == boot

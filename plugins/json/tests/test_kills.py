"""A log that is followed while the agent is killed again and again: no alert is missing, none is there twice."""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from falcohost.testing.agent import Agent

#: How often the agent is killed; more, and with each way of rotation by itself, if the environment says so.
KILLS = int(os.environ.get("FALCOHOST_KILLS", "0"))

WAYS = [("rename", "cut", "pack"), *([("rename",), ("cut",), ("pack",)] if KILLS else [])]

RULES = """
- rule: Record
  desc: Fires on every record.
  condition: json.value[/n] exists
  output: record (n=%json.value[/n])
  priority: INFO
  source: app
"""


class Writer(threading.Thread):
    """Appends numbered records to *log*, and now and then rotates it in one of the ways in which logs are rotated."""

    def __init__(self, log, ways, seed):
        super().__init__(daemon=True)
        self.log, self.ways, self.random = log, ways, random.Random(seed)
        self.count = self.rotations = 0
        self.stopped = threading.Event()

    def run(self):
        """Write until it is stopped; the file is kept open, as a program has it."""
        self.file = self.log.open("ab", buffering=0)
        while not self.stopped.wait(self.random.uniform(0, 0.01)):
            for _ in range(self.random.randrange(1, 5)):
                self.count += 1
                line = b'{"n":%d,"text":"%s"}\n' % (self.count, b"x" * self.random.randrange(600))
                cut = self.random.randrange(len(line))
                self.file.write(line[:cut])
                self.file.write(line[cut:])
            if self.random.random() < 0.02:
                self.rotations += 1
                getattr(self, self.random.choice(self.ways))(self.log.with_name(f"{self.log.name}.{self.rotations}"))
        self.file.close()

    def rename(self, target):
        """Give the file another name and begin a new one."""
        self.log.rename(target)
        self.file.close()
        self.file = self.log.open("ab", buffering=0)

    def cut(self, target):
        """Copy the file and cut it off (copytruncate)."""
        shutil.copyfile(self.log, target)
        os.truncate(self.log, 0)

    def pack(self, target):
        """Rename and pack the file."""
        self.rename(target)
        with gzip.open(target.with_name(target.name + ".gz"), "wb") as packed:
            packed.write(target.read_bytes())
        target.unlink()


def stored(folder):
    """Return how often each number is in the store."""
    command = [Path(sys.executable).parent / "falcohost", "alerts", "--json"]
    environment = os.environ | {"FALCOHOST_STATE_DIR": str(folder / "state")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    return Counter(int(alert["output_fields"]["json.value[/n]"]) for alert in alerts)


def workers(agent):
    """Return the process ids of the agent's workers."""
    pid = agent.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def configured(folder, source):
    """Return what the agent is configured with, for a source of records."""
    (folder / "rules.yaml").write_text(RULES)
    return {
        "plugins": [{"name": "json", "init_config": {"sources": [{"name": "app", **source}]}}],
        "load_plugins": ["json"],
        "engine": {"kind": "nodriver"},
    }


def test_killed_while_files_are_read(tmp_path):
    """Files that are read once are read on where the agent was killed, and once more when all was read."""
    count = 40_000 if KILLS else 16_000
    (tmp_path / "logs").mkdir()
    for file in range(4):
        text = b"".join(b'{"n":%d}\n' % (number + 1) for number in range(file, count, 4))
        (tmp_path / "logs" / f"{file}").write_bytes(gzip.compress(text) if file % 2 else text)
    settings = configured(tmp_path, {"open_params": str(tmp_path / "logs")})
    moments = random.Random(KILLS)

    def run_until_killed(turn):
        agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings)
        try:
            agent.wait_until_ready()
            time.sleep(moments.uniform(0, 0.2))
            os.kill(workers(agent)[0] if turn % 2 and workers(agent) else agent.process.pid, signal.SIGKILL)
            time.sleep(moments.uniform(0, 0.2))
        finally:
            agent.process.kill()
            agent.process.wait()

    for turn in range(3):
        run_until_killed(turn)
    done = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings).process.wait(60)

    assert done == 0
    assert stored(tmp_path) == Counter(range(1, count + 1))
    Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings).process.wait(60)
    assert stored(tmp_path) == Counter(dict.fromkeys(range(1, count + 1), 2))


@pytest.mark.parametrize("ways", WAYS, ids="-".join)
@pytest.mark.parametrize("whole_folder", [False, True], ids=["file", "folder"])
def test_killed_at_any_moment(tmp_path, ways, whole_folder):
    """Both processes are killed while records are written and rotated; each is stored once."""
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "app.log"
    where = log.parent if whole_folder else log
    settings = configured(tmp_path, {"open_params": str(where), "follow": True})
    moments = random.Random(len(ways) + 2 * whole_folder)
    writer = Writer(log, ways, seed=KILLS)

    def started():
        agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings)
        agent.wait_until_ready()
        return agent

    agent = started()
    try:
        writer.start()
        agent.wait_for(lambda alert: True)
        for turn in range(KILLS or 6):
            time.sleep(moments.uniform(0, 1))
            if turn % 2:
                for worker in workers(agent):
                    os.kill(worker, signal.SIGKILL)
            else:
                agent.process.kill()
                agent.process.wait()
                time.sleep(moments.uniform(0, 0.3))
                agent = started()
        writer.stopped.set()
        writer.join()
        expected = Counter(range(1, writer.count + 1))
        end = time.monotonic() + 30
        while expected - stored(tmp_path) and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(2.5)  # in which nothing may come again
        agent.stop()
    finally:
        writer.stopped.set()
        agent.kill()

    found = stored(tmp_path)
    assert sorted(expected - found) == []
    assert sorted(found - expected) == []

"""A log that is followed while the agent is killed again and again: no alert is missing, none is there twice."""

import gzip
import os
import random
import shutil
import threading
import time
from collections import Counter

import pytest

from falcohost.testing.kills import KILLS, Killed, kill_all, kill_often, kill_worker
from falcohost.testing.waiting import PATIENCE

#: The ways in which logs are rotated: all in turn and, with ``--soak``, each by itself.
WAYS = [("rename", "cut", "pack"), ("rename",), ("cut",), ("pack",)]

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


def configured(folder, source):
    """Return what the agent is configured with, for a source of records."""
    (folder / "rules.yaml").write_text(RULES)
    return {
        "plugins": [{"name": "json", "init_config": {"sources": [{"name": "app", **source}]}}],
        "load_plugins": ["json"],
        "engine": {"kind": "nodriver"},
    }


def record(number):
    """Return the message of the alert about a record."""
    return f"record (n={number})"


def test_killed_while_files_are_read(tmp_path):
    """Files that are read once are read on where the agent was killed, and once more when all was read."""
    count = 16_000
    (tmp_path / "logs").mkdir()
    for file in range(4):
        text = b"".join(b'{"n":%d}\n' % (number + 1) for number in range(file, count, 4))
        (tmp_path / "logs" / f"{file}").write_bytes(gzip.compress(text) if file % 2 else text)
    killed = Killed(tmp_path, [tmp_path / "rules.yaml"], configured(tmp_path, {"open_params": str(tmp_path / "logs")}))
    try:
        for victim, moment in ((kill_all, 0.05), (kill_worker, 0.1), (kill_all, 0.15)):
            time.sleep(moment)
            victim(killed)

        assert 0 == killed.agent.process.wait(PATIENCE)
        assert killed.stored() == Counter(map(record, range(1, count + 1)))
        killed.begin()
        assert 0 == killed.agent.process.wait(PATIENCE)
        assert killed.stored() == Counter(dict.fromkeys(map(record, range(1, count + 1)), 2))
    finally:
        killed.agent.kill()


@pytest.mark.parametrize("whole_folder", [False, True], ids=["file", "folder"])
def test_killed_at_any_moment(tmp_path, soak, whole_folder):
    """Both processes are killed while records are written and rotated; each is stored once."""
    for ways in soak(WAYS, WAYS[:1]):
        folder = tmp_path / "-".join(ways)
        (folder / "logs").mkdir(parents=True)
        log = folder / "logs" / "app.log"
        settings = configured(folder, {"open_params": str(log.parent if whole_folder else log), "follow": True})
        killed = Killed(folder, [folder / "rules.yaml"], settings)
        writer = Writer(log, ways, seed=len(ways))
        try:
            writer.start()
            kill_often(killed, soak(*KILLS), random.Random(len(ways) + 2 * whole_folder))
            writer.stopped.set()
            writer.join()
            killed.wait_until_stored(Counter(map(record, range(1, writer.count + 1))))
            kill_all(killed)  # whoever is begun looks at all files once more
            with log.open("ab") as file:
                file.write(b'{"n":"last"}\n')
            expected = Counter(map(record, [*range(1, writer.count + 1), "last"]))
            killed.wait_until_stored(expected)
            assert 0 == killed.agent.stop()
        finally:
            writer.stopped.set()
            killed.agent.kill()

        found = killed.stored()
        assert sorted(expected - found) == []
        assert sorted(found - expected) == []

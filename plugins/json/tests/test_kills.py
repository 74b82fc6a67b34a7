"""A log that is followed while the agent is killed again and again: no alert is missing, none is there twice."""

import gzip
import os
import random
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from falcohost.testing.kills import KILLS, Killed, kill_all, kill_often, kill_workers
from falcohost.testing.waiting import PATIENCE

#: The ways in which logs are rotated: all in turn and, with ``--soak``, each by itself.
WAYS = [("rename", "cut", "pack"), ("rename",), ("cut",), ("pack",)]

RULE = """
- rule: Record of {name}
  desc: Fires on every record.
  condition: json.value[/n] exists
  output: {name} %json.value[/n]
  priority: INFO
  source: {name}
"""


class Writer(threading.Thread):
    """Appends numbered records to *log*, and now and then rotates it in one of the ways in which logs are rotated."""

    def __init__(self, log, ways, seed):
        super().__init__(daemon=True)
        log.parent.mkdir(parents=True)
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


def configured(folder, sources):
    """Return what the agent is configured with, for *sources* of records."""
    (folder / "rules.yaml").write_text("".join(RULE.format(name=name) for name in sources))
    entries = [{"name": name, **source} for name, source in sources.items()]
    return {
        "plugins": [{"name": "json", "init_config": {"sources": entries}}],
        "load_plugins": ["json"],
        "engine": {"kind": "nodriver"},
    }


def records(source, numbers):
    """Return how often each alert about one of the *numbers* is there, once each."""
    return Counter(f"{source} {number}" for number in numbers)


@pytest.fixture(scope="module", autouse=True)
def files_are_read(tmp_path_factory):
    """Return what comes of kills while files are read, beside the other kills of this file, which mostly wait."""
    with ThreadPoolExecutor() as pool:
        yield pool.submit(kill_while_files_are_read, tmp_path_factory.mktemp("read"))


def kill_while_files_are_read(folder):
    """Kill an agent while it reads files; compare what is stored."""
    count = 64_000  # more than are read before the last kill: what was read to its end is read once more
    (folder / "logs").mkdir()
    for file in range(4):
        text = b"".join(b'{"n":%d}\n' % (number + 1) for number in range(file, count, 4))
        (folder / "logs" / f"{file}").write_bytes(gzip.compress(text) if file % 2 else text)
    settings = configured(folder, {"app": {"open_params": str(folder / "logs")}})
    killed = Killed(folder, [folder / "rules.yaml"], settings)
    expected = records("app", range(1, count + 1))
    try:
        for victim, moment in ((kill_all, 0.05), (kill_workers, 0.1), (kill_all, 0.15)):
            time.sleep(moment)
            victim(killed)

        assert 0 == killed.agent.process.wait(PATIENCE)
        assert killed.stored() == expected
        killed.begin()
        assert 0 == killed.agent.process.wait(PATIENCE)
        assert killed.stored() == expected + expected
    finally:
        killed.agent.kill()


def test_killed_at_any_moment(tmp_path, soak):
    """All processes are killed while records are written and rotated, in a file and a folder; each is stored once."""
    for ways in soak(WAYS, WAYS[:1]):  # which share the kills
        folder = tmp_path / "-".join(ways)
        writers = {name: Writer(folder / name / "app.log", ways, seed) for seed, name in enumerate(("file", "folder"))}
        opened = {"file": folder / "file" / "app.log", "folder": folder / "folder"}
        sources = {name: {"open_params": str(where), "follow": True} for name, where in opened.items()}
        killed = Killed(folder, [folder / "rules.yaml"], configured(folder, sources))

        def expected(*more, writers=writers):
            return sum(
                (records(name, [*range(1, writer.count + 1), *more]) for name, writer in writers.items()), Counter()
            )

        try:
            for writer in writers.values():
                writer.start()
            kill_often(killed, soak(KILLS[0] // len(WAYS), KILLS[1]), random.Random(len(ways)))
            for writer in writers.values():
                writer.stopped.set()
                writer.join()
            killed.wait_until_stored(expected())
            kill_all(killed)  # whoever is begun looks at all files once more
            for writer in writers.values():
                with writer.log.open("ab") as file:
                    file.write(b'{"n":"last"}\n')
            killed.wait_until_stored(expected("last"))
            assert 0 == killed.agent.stop()
        finally:
            for writer in writers.values():
                writer.stopped.set()
            killed.agent.kill()

        found = killed.stored()
        assert sorted(expected("last") - found) == []
        assert sorted(found - expected("last")) == []


def test_killed_while_files_are_read(files_are_read):
    """Files that are read once are read on where the agent was killed, and once more when all was read."""
    files_are_read.result()

"""The disk is full, read-only, damaged, or its files are deleted while the agent runs: alerts go on, and it is told.

The tests share an agent, and follow each other.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from falcohost.host.storing.process import DAMAGED, DELETED
from falcohost.host.supervision.lagging import UNWRITTEN, WRITES
from falcohost.testing import skip_or_fail
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import wait_until

CONFIG = """
json_output: true
falcohost: {{json_include_id: true}}
outputs:
  posted: {{type: http, url: "http://127.0.0.1:{port}/", keep_alive: true}}
  filed: {{type: file, filename: {disk}/filed}}
  kept: {{type: file, filename: {disk}/kept, keep_alive: true}}
  runs: {{type: program, program: "cat >> {open}/runs", rules: ["Falcohost internal*"]}}
"""


class Disk:
    """A small file system, with an agent whose state and output files are on it."""

    def __init__(self, home, folder, receiver):
        self.folder, self.receiver = folder, receiver
        home.environment["FALCOHOST_STATE_DIR"] = str(folder / "state")
        self.state, self.open = folder / "state", folder / "open"
        self.open.mkdir()
        self.open.chmod(0o777)
        config = CONFIG.format(port=receiver.port, disk=folder, open=self.open)
        arguments = home.setup(config, numbers={"interval": 0.02, "cursor": True})
        self.agent = home.agent(*arguments, "--enable-source", "numbers")
        self.agent.wait_for("Ready after")

    def alerts(self):
        """Return the alerts that were posted."""
        return [json.loads(body) for body in self.receiver.bodies]

    def told(self, rule):
        """Wait for an alert of the agent about itself."""
        wait_until(lambda: any(one["rule"] == rule for one in self.alerts()), lambda: self.agent.stderr)

    def goes_on(self):
        """Wait until ten more numbers have arrived; return all of them."""
        before = len(self.values())
        wait_until(lambda: len(self.values()) > before + 10, lambda: self.agent.stderr)
        return self.values()

    def values(self):
        """Return the numbers that were posted."""
        return [one["output_fields"]["number.value"] for one in self.alerts() if one["source"] == "numbers"]

    def written(self, name):
        """Return the numbers in an output file whose lines are all whole."""
        lines = (self.folder / name).read_text().rpartition("\n")[0].splitlines()
        found = [json.loads(line)["output_fields"] for line in lines]
        return [one["number.value"] for one in found if "number.value" in one]

    def wait_until_written(self, name):
        """Wait until all numbers that were posted so far are in a file."""
        wanted = set(self.values())
        wait_until(lambda: wanted <= set(self.written(name)), lambda: self.agent.stderr)


@pytest.fixture(scope="module")
def disk(module_home):
    """Return it."""
    if os.geteuid() != 0:
        skip_or_fail("bpf", "only root can make a small file system")
    folder = Path(tempfile.mkdtemp(prefix="falcohost-disk-"))
    folder.chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", folder], check=True)
    receiver = Receiver()
    try:
        yield Disk(module_home, folder, receiver)
    finally:
        module_home.close()
        receiver.close()
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def test_full(disk):
    """With a full disk alerts are delivered from memory, and that is told; then all is written, in whole lines."""
    with (disk.folder / "large").open("wb", buffering=0) as large, contextlib.suppress(OSError):
        while True:
            large.write(bytes(4096))
    disk.told(UNWRITTEN)
    disk.goes_on()
    (disk.folder / "large").unlink()
    disk.told(WRITES)

    values = disk.goes_on()
    assert list(range(1, len(set(values)) + 1)) == sorted(set(values))
    disk.wait_until_written("filed")
    disk.wait_until_written("kept")


def test_read_only(disk):
    """What cannot be written to a file waits for it; the others do not."""
    target = disk.folder / "filed"
    subprocess.run(["mount", "--bind", target, target], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)
    disk.agent.wait_for("output 'filed': failed to open output file")
    disk.goes_on()
    disk.wait_until_written("kept")
    subprocess.run(["umount", target], check=True)

    disk.wait_until_written("filed")


def test_deleted_database(disk, falcohost_alerts):
    """A database that somebody deletes is written again as it was, and that is told."""
    for file in disk.state.glob("state.db*"):
        file.unlink()
    disk.told(DELETED)
    wanted = set(disk.goes_on())

    wait_until(lambda: wanted <= falcohost_alerts())


def test_damaged(disk, falcohost_alerts):
    """A database with torn pages is put aside, which is told, and alerts are stored in a new one."""
    for file in disk.state.glob("state.db*"):
        with file.open("r+b") as opened:
            opened.write(os.urandom(file.stat().st_size))
    disk.told(DAMAGED)
    wanted = set(disk.goes_on()[-5:])

    wait_until(lambda: wanted <= falcohost_alerts())
    assert [*disk.state.glob("state.db.broken-*")]


def test_deleted_folder(disk, falcohost_alerts):
    """When the whole folder is deleted, the agent starts anew in place, with a new one in which commands find it."""
    shutil.rmtree(disk.state)
    disk.agent.wait_for("somebody has deleted the state folder")
    wait_until(lambda: disk.agent.stderr.count("Ready after") == 2, lambda: disk.agent.stderr)
    wanted = set(disk.goes_on()[-5:])

    wait_until(lambda: wanted <= falcohost_alerts())
    wait_until(lambda: "state folder" in (disk.open / "runs").read_text())


@pytest.fixture
def falcohost_alerts(module_home, shared_site, monkeypatch):
    """Return a function that returns the numbers that are stored."""
    monkeypatch.syspath_prepend(shared_site)

    def numbers():
        lines = module_home.run("alerts", "--json").stdout.splitlines()
        found = [json.loads(line) for line in lines]
        return {one["output_fields"]["number.value"] for one in found if one["source"] == "numbers"}

    return numbers

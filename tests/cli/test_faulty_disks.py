"""The disk is full, read-only, damaged, or its files are deleted while the agent runs: alerts go on, and it is told.

The tests share an agent, and follow each other.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest
from disks import Disk

from falcohost.host.storing.process import DAMAGED, DELETED
from falcohost.host.supervision.lagging import UNWRITTEN, WRITES
from falcohost.store.database import PAGE
from falcohost.testing import skip_or_fail
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import wait_until


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


@pytest.fixture(autouse=True)
def plugin(shared_site, monkeypatch):
    """Have commands in this process find the plugin."""
    monkeypatch.syspath_prepend(shared_site)


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


def test_deleted_database(disk):
    """A database that somebody deletes is written again as it was, and that is told."""
    for file in disk.state.glob("state.db*"):
        file.unlink()
    disk.told(DELETED)
    wanted = set(disk.goes_on())

    wait_until(lambda: wanted <= disk.stored())


def test_torn_pages(disk):
    """Pages that nobody needs any more are torn: that is told, and alerts are stored in a new database."""
    path = disk.state / "state.db"
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    pages = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        file.seek(pages // 2 * PAGE)
        file.write(bytes(PAGE) * (pages // 4))
    disk.told(DAMAGED)
    wanted = set(disk.goes_on()[-5:])

    wait_until(lambda: wanted <= disk.stored())
    assert [*disk.state.glob("state.db.broken-*")]


def test_damaged(disk):
    """A database with torn pages is put aside, which is told, and alerts are stored in a new one."""
    for file in disk.state.glob("state.db*"):
        with file.open("r+b") as opened:
            opened.write(os.urandom(file.stat().st_size))
    disk.told(DAMAGED, 2)
    wanted = set(disk.goes_on()[-5:])

    wait_until(lambda: wanted <= disk.stored())
    assert [*disk.state.glob("state.db.broken-*")]


def test_deleted_folder(disk):
    """When the whole folder is deleted, the agent starts anew in place, with a new one in which commands find it."""
    shutil.rmtree(disk.state)
    disk.agent.wait_for("somebody has deleted the state folder")
    wait_until(lambda: disk.agent.stderr.count("Ready after") == 2, lambda: disk.agent.stderr)
    wanted = set(disk.goes_on()[-5:])

    wait_until(lambda: wanted <= disk.stored())
    wait_until(lambda: "state folder" in (disk.open / "runs").read_text())

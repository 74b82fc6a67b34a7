"""Room ahead in the log of the store's file."""

import os
import subprocess

import pytest

from falcohost.store import ahead
from falcohost.store.ahead import FIRST, Ahead
from falcohost.store.arrival import Arrival
from falcohost.store.database import PAGE, WAL_SIZE, connect
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.outputs import alert


@pytest.fixture
def path(tmp_path):
    """Return the path of a state."""
    return tmp_path / "state.db"


def log(path):
    """Return the path of its log."""
    return path.with_name(path.name + "-wal")


def append(store, number, *, waits=True):
    """Store an alert with this number; *waits*: with a cursor, so that the transaction waits for the disk."""
    store.append([Arrival("test", [alert(str(number))], cursor=str(number) if waits else None, rewinds=True)])


def test_the_log_becomes_as_long_as_it_would_anyway(path):
    """After some transactions that wait the log has its whole length, and does not grow any more."""
    store = Store(path, Limits())
    for number in range(FIRST - 1):
        append(store, number)
    short = log(path).stat().st_size
    for number in range(100, 140):
        append(store, number)

    assert short < 1 << 20
    assert log(path).stat().st_size == WAL_SIZE
    store.close()


def test_without_what_waits_it_stays_short(path):
    """Alerts without a cursor add nothing ahead."""
    store = Store(path, Limits())
    for number in range(60):
        append(store, number, waits=False)

    assert log(path).stat().st_size < 2 << 20
    store.close()


def test_a_copy_that_a_crash_leaves_can_be_read(path, tmp_path):
    """The file and its longer log, as a machine that fails leaves them, have all that was stored."""
    store = Store(path, Limits())
    for number in range(50):
        append(store, number)
    other = tmp_path / "copy.db"
    other.write_bytes(path.read_bytes())
    log(other).write_bytes(log(path).read_bytes())
    store.close()
    connection = connect(other)

    assert log(other).stat().st_size == WAL_SIZE
    assert (50,) == connection.execute("SELECT sum(count) FROM packs").fetchone()
    assert ("49",) == connection.execute("SELECT cursor FROM cursors").fetchone()
    assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()


def test_it_is_written_over(path):
    """What is stored later is written into the log, across several copies into the file."""
    connection = connect(path)
    connection.execute("PRAGMA wal_autocheckpoint = 20")
    filled = Ahead(path, 1 << 18)
    for number in range(200):
        connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (str(number), "x" * 1000))
        filled.waited()
    there = connection.execute("SELECT count(*) FROM cursors").fetchone()
    size = log(path).stat().st_size
    connection.close()

    assert (200,) == there
    assert 1 << 18 == size
    assert (200,) == connect(path).execute("SELECT count(*) FROM cursors").fetchone()


def test_no_room(path, monkeypatch):
    """Where the disk is full the log stays as it is, and everything else goes on."""
    store = Store(path, Limits())

    def full(descriptor, data, offset):
        os.lseek(descriptor, 0, os.SEEK_END)
        os.write(descriptor, data[:100])
        raise OSError(28, "No space left on device")

    for number in range(FIRST - 1):
        append(store, number)
    before = log(path).stat().st_size
    with monkeypatch.context() as patched:
        patched.setattr(ahead.os, "pwrite", full)
        append(store, 100)
    after = log(path).stat().st_size
    append(store, 101)

    assert 0 <= after - before < 100_000
    assert 0 == (after - 32) % (PAGE + 24)
    assert FIRST + 1 == store.last
    store.close()


def test_no_log(path):
    """Without a log, or with a link in its place, nothing is written."""
    target = path.with_name("target")
    target.write_bytes(b"x")
    log(path).symlink_to(target)
    filled = Ahead(path, 1 << 20)
    for _ in range(2 * FIRST):
        filled.waited()
    log(path).unlink()
    for _ in range(2 * ahead.AGAIN):
        filled.waited()

    assert target.read_bytes() == b"x"
    assert not log(path).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system")
def test_a_small_file_system(tmp_path):
    """Where there is not much room at all it is left to others, such as outputs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", tmp_path], check=True)
    try:
        store = Store(tmp_path / "state.db", Limits())
        for number in range(2 * FIRST):
            append(store, number)
        size = log(tmp_path / "state.db").stat().st_size
        store.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)

    assert 0 < size < 1 << 20

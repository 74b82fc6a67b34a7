"""On a small disk the log of the store's file stays small, so that the store goes on."""

import contextlib
import os
import subprocess

import msgspec
import pytest

from falcohost.alert import RuleMetadata
from falcohost.store.arrival import Arrival
from falcohost.store.disk import Disk
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing import skip_or_fail
from falcohost.testing.outputs import alert


@pytest.fixture
def disk(tmp_path):
    """Return a function that makes a file system of so many MiB."""
    if os.geteuid() != 0:
        skip_or_fail("bpf", "only root can make a small file system")
    made = []

    def disk(megabytes):
        options = f"size={megabytes}m"
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path], capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        made.append(tmp_path)
        return tmp_path / "state.db"

    yield disk
    for folder in made:
        subprocess.run(["umount", "--lazy", folder], check=True)


def flood(store, count, size):
    """Store so many alerts, *size* in a transaction; return at how many the file could not be written."""
    for begin in range(0, count, size):
        alerts = [
            msgspec.structs.replace(alert("x" * 600), id=os.urandom(16).hex(), source="source") for _ in range(size)
        ]
        store.append([Arrival("source", alerts, f"{begin}", rewinds=True)])
        if store.unwritten:
            return begin
    return count


@pytest.mark.parametrize("size", [1, 30, 300])
@pytest.mark.parametrize("megabytes", [6, 12, 24])
def test_a_disk_that_is_smaller_than_the_log(disk, megabytes, size):
    """Of a disk that is twice as large as the limit, alerts take what they may: it is never full."""
    path = disk(megabytes)
    store = Store(path, Limits(megabytes=megabytes // 3))
    count = 30_000 if size > 1 else 6_000

    assert count == flood(store, count, size)
    log = path.with_name("state.db-wal").stat().st_size
    assert log <= megabytes << 20 >> 1
    store.close()
    again = Store(path, Limits())
    assert f"{count - size}" == again.cursor("source")
    assert [("ok",)] == again._disk.query("PRAGMA integrity_check")


def test_more_waits_than_the_disk_has_room_for(disk, clock):
    """While others take the whole disk, more comes than it has room for; it is written in parts once there is room."""
    path = disk(12)
    store = Store(path, Limits(megabytes=4), clock=clock)
    flood(store, 300, 300)
    large = path.with_name("large")
    with large.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    for number in range(100):
        flood(store, 300, 300)
        assert number < 4 or store.unwritten
    large.unlink()
    clock.advance(2)

    stored = store.append([])
    assert (0, {"source": "0"}) == (store.unwritten, stored.cursors)
    store.close()
    again = Store(path, Limits())
    assert 300 * 101 == again.last == again.read(again.last - 1, 1)[0][0]
    assert 2000 < len(again.read(0, 99_999))
    assert [("ok",)] == again._disk.query("PRAGMA integrity_check")


def test_parts_have_what_belongs_to_them(path, monkeypatch):
    """Alerts that are written in parts have their metadata, wherever a part ends."""
    for most in range(600, 1300, 70):
        store = Store(path, Limits())
        monkeypatch.setattr(Disk, "at_once", most)
        metadata = [RuleMetadata(description=f"{number % 3}") for number in range(4)]
        alerts = [msgspec.structs.replace(alert("a"), id=f"{most} {n}", metadata=metadata[n]) for n in range(4)]
        before = store.last
        store.append([Arrival("source", alerts, f"{most}", rewinds=True)])
        monkeypatch.undo()
        store.close()
        again = Store(path, Limits())

        assert ["0", "1", "2", "0"] == [one.metadata.description for _, one in again.read(before, 10)]
        assert f"{most}" == again.cursor("source")
        again.close()

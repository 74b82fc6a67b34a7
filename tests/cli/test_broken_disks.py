"""A disk fails under the agent, its file system becomes read-only or says nothing, is repaired, and mounted again."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from disks import Disk

from falcohost.host.supervision.folder import DELETED
from falcohost.host.supervision.lagging import UNWRITTEN
from falcohost.testing import skip_or_fail
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import wait_until

#: How a file system of each type is made and repaired in an image, and fails under those who have files of it open.
TYPES = {
    "ext4": ("mkfs.ext4 -q {image}", "mount -o remount,abort {mount}", "e2fsck -fy {image}"),
    "xfs": ("mkfs.xfs -q {image}", "xfs_io -x -c shutdown {mount}", "xfs_repair -L {image}"),
}

#: Bytes of the image, which is sparse: xfs wants so many.
SIZE = 320 << 20


class Device:
    """A file system of a type in an image, which is mounted below *folder*."""

    def __init__(self, folder, kind):
        self.image, self.mount = folder / "image", folder / "mount"
        self._make, self._fail, self._repair = TYPES[kind]
        self.mount.mkdir()
        with self.image.open("wb") as image:
            image.truncate(SIZE)
        self._run(self._make)

    def mounts(self):
        """Mount it."""
        self._run("mount -o loop {image} {mount}")

    def fails(self):
        """Have it fail."""
        self._run(self._fail)

    def is_taken_away(self):
        """Take it from its place, while files of it are open."""
        self._run("umount --lazy {mount}")

    def is_held(self):
        """Return whether somebody still has a file of it open, so that the kernel keeps it."""
        return self._run("losetup --associated {image}") != ""

    def repairs(self):
        """Repair it."""
        self._run(self._repair, most=1)

    def _run(self, command, most=0):
        words = command.format(image=self.image, mount=self.mount).split()
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
        assert ran.returncode <= most, ran.stderr
        return ran.stdout


@pytest.fixture(params=TYPES)
def device(request):
    """Return it, mounted."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        skip_or_fail("bpf", "only root can mount an image, and needs loop devices")
    if shutil.which(f"mkfs.{request.param}") is None:
        skip_or_fail(request.param, f"mkfs.{request.param} is missing: apt-get install e2fsprogs xfsprogs")
    folder = Path(tempfile.mkdtemp(prefix="falcohost-disk-"))
    folder.chmod(0o755)
    device = Device(folder, request.param)
    device.mounts()
    try:
        yield device
    finally:
        while subprocess.run(["umount", "--lazy", device.mount], capture_output=True, check=False).returncode == 0:
            pass
        shutil.rmtree(folder)


@pytest.fixture
def disk(device, home, shared_site, monkeypatch):
    """Return an agent that has its state and files there."""
    monkeypatch.syspath_prepend(shared_site)
    receiver = Receiver()
    try:
        yield Disk(home, device.mount, receiver)
    finally:
        home.close()
        receiver.close()


def test_fails_and_is_repaired(device, disk):
    """Alerts go on, what waits for the disk is told; the agent lets go of it, and takes it again when it is there."""
    before = disk.goes_on()
    wait_until(lambda: set(before) <= disk.stored())
    device.fails()
    disk.told(UNWRITTEN)
    assert any(one["output_fields"].get("waiting", 0) > 0 for one in disk.alerts() if one["rule"] == UNWRITTEN)
    last = max(disk.goes_on())

    device.is_taken_away()
    disk.told(DELETED)
    wait_until(lambda: not device.is_held(), lambda: disk.agent.stderr)
    device.repairs()
    disk.goes_on()

    device.mounts()
    wait_until(lambda: disk.agent.stderr.count("Ready after") == 3, lambda: disk.agent.stderr)
    disk.goes_on()
    wait_until(lambda: {*range(1, last + 1)} <= disk.stored(), lambda: disk.agent.stderr)
    wait_until(lambda: last in disk.written("filed") and last in disk.written("kept"), lambda: disk.agent.stderr)
    assert (device.mount / "state" / "state.db").exists()

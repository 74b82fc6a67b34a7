"""Files that requests of io_uring open and say nothing of: found when calls return by which they are reached."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.drivers.modern_ebpf.wanted import requests
from falcohost_syscall.records import record as R

OPENED = frozenset({"openat"})


class Late:
    """A program that has asked for `link`, which leads to a pipe that nobody writes to yet, and waits to read."""

    def __init__(self, program, folder):
        self.pipe = folder / "pipe"
        os.mkfifo(self.pipe)
        (folder / "link").symlink_to("pipe")
        self.process = subprocess.Popen([program, folder, "later"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"asked\n"

    def read(self):
        """Have the file opened, and then have the program read something."""
        with self.pipe.open("w"):
            time.sleep(0.05)
            self.process.communicate(b"\n", timeout=PATIENCE)
        assert self.process.returncode == 0

    def end(self):
        """End it before the file is opened."""
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def late(watched, compiled, tmp_path):
    """Return such a program under the probe, where nothing but requests is collected."""
    if not watched.driver.sees_requests:
        skip_or_fail("io_uring", "the kernel does not tell of requests of io_uring")
    watched.read_all()
    watched.driver.set_calls({}, requests(OPENED))
    late = Late(compiled("requests.c", "evasion/ring.c"), tmp_path)
    yield late
    late.process.kill()
    watched.driver.set_calls({})


def places(driver, name):
    """Return the numbers that are set in one of the probe's arrays."""
    array = driver.object.lookup(driver.map_fd(name), bytes(4), R.COMPAT_BASE)
    return {number for number, value in enumerate(array) if value}


def paths(found, pid):
    """Return what was asked for and what it is, of each event of the process."""
    events = [r for r in found if r.header.kind == R.KIND_CALL and r.header.pid == pid]
    return [(r.sections.get(R.SEC_PATH), r.sections.get(R.SEC_FDPATH)) for r in events]


def test_new_rules_in_between(watched, late, openat):
    """The calls by which the file is reached are looked at still when other calls are wanted; so it is found."""
    watched.driver.set_calls(openat, requests(OPENED))
    watched.driver.set_calls({}, requests(OPENED))
    late.read()
    found = watched.read_until_exit(late.process.pid)

    assert [(b"link", None), (b"link", bytes(late.pipe))] == paths(found, late.process.pid)


def test_nothing_is_left(watched, late):
    """When the process has ended only those calls are looked at that are wanted."""
    before = places(watched.driver, ".data.asked") - places(watched.driver, ".data.wanted")
    late.end()
    watched.read_until_exit(late.process.pid)

    assert before
    assert places(watched.driver, ".data.wanted") == places(watched.driver, ".data.asked")

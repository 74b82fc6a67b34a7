"""A state folder that is deleted, moved or replaced has the agent start anew, where that would find one."""

import os
import shutil
import subprocess

import pytest

from falcohost.host.supervision.folder import DELETED, GONE, PAUSE, Folder
from falcohost.host.supervision.loop import Loop
from falcohost.store.directory import claim
from falcohost.testing import skip_or_fail
from falcohost.testing.clock import ManualClock


class Watched:
    """A state folder that is looked at."""

    def __init__(self, directory):
        self.directory, self.told, self.loop = directory, [], Loop(ManualClock())
        self.lock = claim(directory)
        self.folder = Folder(
            self.loop, directory, self.lock, lambda rule, priority, text, fields: self.told.append(rule)
        )

    def looks(self, seconds=PAUSE):
        """Look after so many seconds; return whether the agent is to start anew."""
        self.loop.clock.advance(seconds)
        self.folder.look()
        return bool(self.told)


@pytest.fixture
def watched(tmp_path):
    """Return it."""
    watched = Watched(tmp_path / "place" / "state")
    assert not watched.looks()
    yield watched
    os.close(watched.lock)


def test_deleted(watched):
    """A deleted folder is told at once, and once."""
    shutil.rmtree(watched.directory)
    assert watched.looks()
    watched.looks()
    assert [DELETED] == watched.told


def test_moved(watched):
    """A folder that is not in its place for long is told; one that comes back meanwhile is not."""
    away = watched.directory.with_name("away")
    watched.directory.rename(away)
    assert not watched.looks()
    away.rename(watched.directory)
    assert not watched.looks(GONE)
    watched.directory.rename(away)
    assert [False, False, True] == [watched.looks(), watched.looks(GONE - PAUSE / 2), watched.looks()]


def test_replaced(watched):
    """Another state folder in its place is told at once."""
    watched.directory.rename(watched.directory.with_name("away"))
    os.close(claim(watched.directory))
    assert watched.looks()


def test_a_place_that_cannot_be_used(watched):
    """While an agent that starts anew could store nothing, nothing is done: it would not look again."""
    place = watched.directory.parent
    watched.directory.rename(place.with_name("away"))
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place], check=False).returncode
    ):
        skip_or_fail("bpf", "only root can mount")
    try:
        assert [False, False] == [watched.looks(), watched.looks(GONE)]
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        assert watched.looks()
    finally:
        subprocess.run(["umount", place], check=True)

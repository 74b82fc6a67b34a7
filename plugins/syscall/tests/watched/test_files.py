"""The probe is told of watched files: at once when they change, and without a look for whatever else changes there."""

from __future__ import annotations

import os
import time

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_syscall.watched import files
from falcohost_syscall.watched.files import WatchedFiles

#: Longer than any test takes: what is told before that was noticed.
LONG = 600.0


class Probe:
    """Notes which files are watched; counts how often it was looked for them."""

    def __init__(self):
        self.watched = set()

    def identify(self, fd):
        """Return the file's inode."""
        return str(os.fstat(fd).st_ino).encode()

    def watch(self, file, names):
        """Take note."""
        (self.watched.discard if names is None else self.watched.add)(file)

    def has(self, path):
        """Return whether exactly the file at *path* is watched."""
        return self.watched == {str(path.stat().st_ino).encode()}


@pytest.fixture
def looks(monkeypatch):
    """Return the times at which files were looked for, which are only those at which something has changed."""
    found, look = [], WatchedFiles._look

    def counted(self):
        found.append(time.monotonic())
        look(self)

    monkeypatch.setattr(WatchedFiles, "_look", counted)
    monkeypatch.setattr(files, "INTERVAL", LONG)
    return found


@pytest.fixture
def start(looks):
    """Return a function that watches paths with a new probe."""
    begun = []

    def start(*paths):
        begun.append(watched := WatchedFiles(probe := Probe()))
        watched.watch(map(str, paths))
        watched.start()
        wait_until(lambda: len(looks) > 1)
        return probe

    yield start
    files.INTERVAL = 1.0
    for one in begun:
        one.close()


def replace(path, text=""):
    """Put another file in place of that at *path*."""
    new = path.parent / "new"
    new.write_text(text)
    new.rename(path)


def test_other_files_in_the_folder(tmp_path, start, looks):
    """A folder in which others make files all the time, as /tmp is, costs no look for each; a watched file does."""
    (tmp_path / "x").write_text("")
    probe = start(tmp_path / "x")
    wait_until(lambda: time.monotonic() > looks[-1] + 0.2)
    before = len(looks)
    for number in range(20):
        (tmp_path / str(number)).write_text("")
        time.sleep(files.REST)
    after = len(looks)
    replace(tmp_path / "x")
    wait_until(lambda: probe.has(tmp_path / "x"))

    assert before == after


def test_what_a_link_leads_to(tmp_path, start):
    """A file to which a watched path leads as a link is watched when another takes its place; so is a new link's."""
    for name in ("first", "second"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "link"
    link.symlink_to("first")
    probe = start(link)
    replace(tmp_path / "first")
    wait_until(lambda: probe.has(link))
    (tmp_path / "other").symlink_to("second")
    (tmp_path / "other").rename(link)
    wait_until(lambda: probe.has(tmp_path / "second"))
    replace(tmp_path / "second")
    wait_until(lambda: probe.has(tmp_path / "second"))


def test_a_folder_in_place_of_another(tmp_path, start):
    """A folder between that is replaced in a watched one is noticed."""
    for name in ("deep", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    (tmp_path / "y").write_text("")
    probe = start(tmp_path / "deep/x", tmp_path / "deep/none", tmp_path / "none")
    (tmp_path / "deep").rename(tmp_path / "gone")
    (tmp_path / "new").rename(tmp_path / "deep")
    wait_until(lambda: probe.has(tmp_path / "deep/x"))

"""The probe is told of watched files: at once when they change, and without a look for whatever else changes there."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_syscall.watched import files, ways
from falcohost_syscall.watched.files import WatchedFiles

#: Longer than any test takes: what is told before that was noticed.
LONG = 600.0


class Probe:
    """Notes which files are watched; counts how often it was looked for them."""

    def __init__(self):
        self.watched = set()
        self.generation = b""

    def identify(self, fd):
        """Return the file's inode, and the generation that all files have."""
        return str(os.fstat(fd).st_ino).encode() + self.generation

    def watch(self, file, names):
        """Take note."""
        (self.watched.discard if names is None else self.watched.add)(file)

    def has(self, path):
        """Return whether exactly the file at *path* is watched."""
        return self.watched == {str(path.stat().st_ino).encode() + self.generation}


@pytest.fixture
def looks(monkeypatch):
    """Return the times at which files were looked for, which are only those at which something has changed."""
    found, look = [], WatchedFiles._look

    def counted(self, *given):
        found.append(time.monotonic())
        return look(self, *given)

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


@pytest.fixture
def looked_at(monkeypatch):
    """Return how often each path was looked at, which is done every few milliseconds."""
    found, identity = Counter(), WatchedFiles._identity

    def counted(self, path, known):
        found[path] += 1
        return identity(self, path, known)

    monkeypatch.setattr(WatchedFiles, "_identity", counted)
    return found


@pytest.fixture
def often(start, monkeypatch):
    """Return a function like :func:`start`, after which is looked every few milliseconds."""
    monkeypatch.setattr(files, "INTERVAL", 2 * files.REST)
    return start


@pytest.fixture
def mount(monkeypatch):
    """Return a function that mounts a folder over another one."""
    done = []

    def mount(folder, over):
        subprocess.run(["mount", "--bind", folder, over], check=True)
        done.append(over)

    yield mount
    for over in done:
        subprocess.run(["umount", over], check=True)


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


def test_a_folder_above_is_replaced(tmp_path, start):
    """A folder far above a file that is replaced is noticed at once, as is one that was not there."""
    for name in ("one", "other"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep/x").write_text(name)
    probe = start(tmp_path / "one/deep/x", tmp_path / "none/deep/x")
    (tmp_path / "one").rename(tmp_path / "gone")
    (tmp_path / "other").rename(tmp_path / "one")
    wait_until(lambda: probe.has(tmp_path / "one/deep/x"))
    (tmp_path / "gone").rename(tmp_path / "none")
    wait_until(lambda: len(probe.watched) == 2)


def test_a_link_between_leads_elsewhere(tmp_path, start):
    """A link to a folder on the way that leads elsewhere is noticed at once."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    (tmp_path / "link").symlink_to("one")
    (tmp_path / "new").symlink_to(tmp_path / "other")
    probe = start(tmp_path / "link/x")
    (tmp_path / "new").rename(tmp_path / "link")
    wait_until(lambda: probe.has(tmp_path / "other/x"))


def test_what_needs_no_look(tmp_path, often, looked_at):
    """A file that was not there is seldom looked at until its folder changes, and of two paths to a file one."""
    (tmp_path / "x").write_text("")
    (tmp_path / "y").symlink_to("x")
    paths = [*map(str, (tmp_path / "x", tmp_path / "y"))], str(tmp_path / "none")
    often(*paths[0], paths[1])
    wait_until(lambda: looked_at.total() > 40)
    both, none = sum(looked_at[path] for path in paths[0]), looked_at[paths[1]]

    assert both > 20 > 10 > none


def test_each_path_is_looked_at_now_and_then(tmp_path, often, looked_at, monkeypatch):
    """A file of which nobody tells anything is found after some looks."""
    monkeypatch.setattr(files.FolderChanges, "changed", lambda self: set())
    (tmp_path / "y").write_text("")
    probe = often(tmp_path / "x")
    (tmp_path / "y").rename(tmp_path / "x")
    wait_until(lambda: probe.has(tmp_path / "x"))


def test_file_systems_that_do_not_tell(tmp_path, looked_at, start, monkeypatch):
    """Where not all changes are told, each path is looked at each time."""
    monkeypatch.setattr(ways, "_TELL", frozenset())
    monkeypatch.setattr(files, "INTERVAL", 2 * files.REST)
    paths = [str(tmp_path / name) for name in ("x", "none", "deep/none")]
    (tmp_path / "x").write_text("")
    start(*paths)
    wait_until(lambda: looked_at.total() > 40)

    assert max(looked_at[path] for path in paths) - min(looked_at[path] for path in paths) <= 1


def test_what_is_mounted_on_the_way(tmp_path, mount, often):
    """A folder that is mounted over another one is noticed, and when it is not there any more."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other/x").write_text("")
    probe = often(tmp_path / "one/x", tmp_path / "none")
    mount(tmp_path / "other", tmp_path / "one")
    wait_until(lambda: probe.has(tmp_path / "other/x"))


def test_another_generation(tmp_path, often):
    """A file whose generation somebody has changed, of which only its last change tells, is identified anew."""
    (tmp_path / "x").write_text("")
    (tmp_path / "y").symlink_to("x")
    probe = often(tmp_path / "x", tmp_path / "y")
    wait_until(lambda: probe.has(tmp_path / "x"))
    probe.generation = b" anew"
    (tmp_path / "x").chmod(0o600)
    wait_until(lambda: probe.has(tmp_path / "x"))


def test_a_mark_that_somebody_has_removed(tmp_path, start, monkeypatch):
    """It is set again."""
    marked, mark = set(), files.FolderChanges.mark

    def noted(self, folder):
        marked.add((self, mark(self, folder)))
        return mark(self, folder)

    monkeypatch.setattr(files.FolderChanges, "mark", noted)
    probe = start(tmp_path / "x")
    before = {*marked}
    for changes, number in before:
        changes.unmark(number)
    wait_until(lambda: len(marked) == 2 * len(before))
    (tmp_path / "x").write_text("")
    wait_until(lambda: probe.has(tmp_path / "x"))


def test_more_changes_than_are_read(tmp_path, start):
    """What is changed among thousands of other changes is noticed, and so is what is changed behind them."""
    probe = start(tmp_path / "x", tmp_path / "none")
    for number in range(2000):
        (tmp_path / f"{number}").write_text("")
    (tmp_path / "x").write_text("")
    wait_until(lambda: probe.has(tmp_path / "x"))
    replace(tmp_path / "x")
    wait_until(lambda: probe.has(tmp_path / "x"))


def test_other_paths(tmp_path, often):
    """Files that are to be watched no more are not, and others are."""
    for name in ("x", "y"):
        (tmp_path / name).write_text("")
    watched = WatchedFiles(probe := Probe())
    try:
        watched.watch([str(tmp_path / "x")])
        watched.start()
        wait_until(lambda: probe.has(tmp_path / "x"))
        watched.watch([str(tmp_path / "y")])
        wait_until(lambda: probe.has(tmp_path / "y"))
    finally:
        watched.close()


def test_a_folder_in_which_anybody_may_write(tmp_path, start, looks, monkeypatch):
    """What others make in it is not told, where it only has a folder on the way; that one is asked for at each look."""
    for name in ("deep", "new"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "x").write_text(name)
    (tmp_path / "all").chmod(0o777)
    probe = start(tmp_path / "all/deep/x", tmp_path / "all/deep/none/y")
    wait_until(lambda: time.monotonic() > looks[-1] + 0.2)
    before = len(looks)
    (tmp_path / "all/other").write_text("")
    (tmp_path / "all/deep").rename(tmp_path / "all/gone")
    (tmp_path / "all/new").rename(tmp_path / "all/deep")
    time.sleep(0.2)
    assert len(looks) == before
    monkeypatch.setattr(files, "INTERVAL", 2 * files.REST)
    (tmp_path / "all/gone/none").mkdir()  # which was on the way, and still has its mark
    wait_until(lambda: probe.has(tmp_path / "all/deep/x"))
    (tmp_path / "all/deep/none").mkdir()
    (tmp_path / "all/deep/none/y").write_text("")
    wait_until(lambda: len(probe.watched) == 2)

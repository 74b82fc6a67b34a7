"""Waiting for changes in folders."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from falcohost_syscall.watched.folder_changes import FolderChanges, names_of

LONG, SHORT = 30.0, 0.2


@pytest.fixture
def changes(tmp_path) -> Iterator[FolderChanges]:
    """Return a queue of the changes in a folder."""
    found = FolderChanges()
    found.watch({folder: {b"x"} for folder in (tmp_path, tmp_path / "none")})
    yield found
    found.close()


def seconds(wait: Callable[[], None]) -> float:
    """Return how long it took."""
    began = time.monotonic()
    wait()
    return time.monotonic() - began


def test_entry_is_made(changes, tmp_path):
    """Waiting ends when there is another entry."""
    (tmp_path / "x").write_text("")

    assert seconds(lambda: changes.wait(LONG)) < LONG / 2


def test_entry_is_replaced(changes, tmp_path):
    """Waiting ends when another file takes the name of an entry."""
    for name in ("y", "x"):
        (tmp_path / name).write_text("")
    changes.wait(LONG)
    (tmp_path / "y").rename(tmp_path / "x")

    assert seconds(lambda: changes.wait(LONG)) < LONG / 2


def test_nothing_happens(changes, tmp_path):
    """Reading a file changes no folder, and what was told is not told again."""
    (tmp_path / "x").write_text("")
    changes.wait(LONG)
    (tmp_path / "x").read_text()

    assert seconds(lambda: changes.wait(SHORT)) >= SHORT


def test_woken_by_another_thread(changes):
    """Waiting ends when somebody says so."""
    threading.Timer(SHORT, changes.wake).start()

    assert SHORT / 2 < seconds(lambda: changes.wait(LONG)) < LONG / 2


def test_entries_with_other_names(tmp_path):
    """What happens to other names in the folder ends no waiting, and is read at most once in a rest."""
    found = FolderChanges(SHORT / 2)
    try:
        found.watch({tmp_path: {b"x"}, tmp_path / "none": {b"x"}})
        for number in range(10):
            (tmp_path / f"y{number}").write_text("")
        assert seconds(lambda: found.wait(SHORT)) >= SHORT
        (tmp_path / "x").write_text("")

        assert seconds(lambda: found.wait(LONG)) < LONG / 2
    finally:
        found.close()


def test_a_name_behind_others(tmp_path):
    """A change of the name among many of others ends the waiting."""
    found = FolderChanges()
    try:
        found.watch({tmp_path: {b"x"}})
        for name in (*map(str, range(20)), "x", *map(str, range(20, 40))):
            (tmp_path / name).write_text("")

        assert seconds(lambda: found.wait(LONG)) < LONG / 2
    finally:
        found.close()


@pytest.mark.parametrize("first", ["one", "other"])
def test_two_paths_to_a_folder(tmp_path, first):
    """A folder that two paths lead to has the names of both."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").symlink_to("one")
    found = FolderChanges()
    try:
        found.watch({tmp_path / name: {b"x" if name == first else b"y"} for name in ("one", "other")})
        for name in ("x", "y"):
            (tmp_path / "one" / name).write_text("")
            assert seconds(lambda: found.wait(LONG)) < LONG / 2
    finally:
        found.close()


def test_a_folder_that_goes(changes, tmp_path):
    """A watched folder that is removed ends the waiting: another may take its place."""
    tmp_path.rmdir()

    assert seconds(lambda: changes.wait(LONG)) < LONG / 2


def test_more_changes_than_the_kernel_keeps(tmp_path):
    """Where the kernel has left changes out, waiting ends."""
    found = FolderChanges(LONG)
    try:
        found.watch({tmp_path: {b"x"}})
        kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        (tmp_path / "y").write_text("")
        for number in range(kept // 2 + 2):
            (tmp_path / f"{'yz'[number % 2]}").rename(tmp_path / f"{'zy'[number % 2]}")

        assert seconds(lambda: found.wait(LONG)) < LONG / 2
    finally:
        found.close()


def test_names():
    """Names are those of the files, and of folders on the way that are in a watched one."""
    found = names_of([Path("/etc/passwd"), Path("/etc/zsh/zshrc"), Path("/etc/zsh/zprofile"), Path("/a/b/c")])

    assert {
        Path("/etc"): {b"passwd", b"zsh"},
        Path("/etc/zsh"): {b"zshrc", b"zprofile"},
        Path("/a/b"): {b"c"},
    } == found


def test_names_of_links(tmp_path):
    """The names behind a symbolic link count, too, each of them."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to(tmp_path / "deep" / ".." / "c")
    (tmp_path / "loop").symlink_to("loop")

    assert {b"a", b"b", b"c"} == names_of([tmp_path / "a"])[tmp_path]
    assert {b"loop"} == names_of([tmp_path / "loop"])[tmp_path]

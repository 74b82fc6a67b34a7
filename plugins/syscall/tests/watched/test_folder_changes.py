"""Waiting for changes in folders."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from falcohost_syscall.watched.folder_changes import FolderChanges

LONG, SHORT = 30.0, 0.2


def watch(changes: FolderChanges, names: Mapping[Path, set[bytes]]) -> dict[Path, int]:
    """Have waiting end with changes of these *names* by their folders; return the folders' numbers."""
    numbers = {folder: changes.mark(bytes(folder)) for folder in names}
    found: dict[int, set[bytes]] = {}
    for folder, number in numbers.items():
        found.setdefault(number, set()).update(names[folder])
    changes.names = found
    return numbers


@pytest.fixture
def changes(tmp_path) -> Iterator[FolderChanges]:
    """Return a queue of the changes in a folder."""
    found = FolderChanges()
    watch(found, {folder: {b"x"} for folder in (tmp_path, tmp_path / "none")})
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
        watch(found, {tmp_path: {b"x"}, tmp_path / "none": {b"x"}})
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
        watch(found, {tmp_path: {b"x"}})
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
        watch(found, {tmp_path / name: {b"x" if name == first else b"y"} for name in ("one", "other")})
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
        watch(found, {tmp_path: {b"x"}})
        kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        (tmp_path / "y").write_text("")
        for number in range(kept // 2 + 2):
            (tmp_path / f"{'yz'[number % 2]}").rename(tmp_path / f"{'zy'[number % 2]}")

        assert seconds(lambda: found.wait(LONG)) < LONG / 2
    finally:
        found.close()


def test_which_folders_have_changed(tmp_path):
    """It is told once which of them have, whatever names ended no waiting; and what was not read yet counts."""
    for name in ("one", "other", "quiet"):
        (tmp_path / name).mkdir()
    found = FolderChanges()
    try:
        numbers = watch(found, {tmp_path / name: {b"x"} for name in ("one", "other", "quiet")})
        (tmp_path / "one/y").write_text("")
        found.wait(SHORT)
        (tmp_path / "other/y").write_text("")

        assert {numbers[tmp_path / "one"], numbers[tmp_path / "other"]} == found.changed()
        assert set() == found.changed()
    finally:
        found.close()


def test_nobody_knows_which_have_changed(tmp_path):
    """Where the kernel has left changes out, any folder may have changed, and what else it has kept is not needed."""
    found = FolderChanges()
    try:
        number = found.mark(bytes(tmp_path))
        kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        (tmp_path / "y").write_text("")
        for place in range(kept // 2 + 2):
            (tmp_path / f"{'yz'[place % 2]}").rename(tmp_path / f"{'zy'[place % 2]}")
        changed = [found.changed()]
        while changed[-1]:
            changed.append(found.changed())
        (tmp_path / "x").write_text("")

        assert changed[-1] is None
        assert {number} == found.changed()
    finally:
        found.close()


def test_a_folder_of_which_nothing_is_told_any_more(changes, tmp_path):
    """Its changes end no waiting, nor does the kernel's word that it tells of none."""
    number = changes.mark(bytes(tmp_path))
    changes.names = {}
    changes.unmark(number)
    (tmp_path / "x").write_text("")

    assert seconds(lambda: changes.wait(SHORT)) >= SHORT
    assert changes.mark(bytes(tmp_path)) != number

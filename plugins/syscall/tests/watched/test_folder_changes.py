"""Waiting for changes in folders."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from falcohost_syscall.watched.folder_changes import FolderChanges

LONG, SHORT = 30.0, 0.2


@pytest.fixture
def changes(tmp_path) -> Iterator[FolderChanges]:
    """Return a queue of the changes in a folder."""
    found = FolderChanges()
    found.watch([tmp_path, tmp_path / "none"])
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
    for name in ("x", "y"):
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

"""Where paths lead, and which folders tell of that."""

from __future__ import annotations

from pathlib import Path

import pytest

from falcohost_syscall.watched.folder_changes import FolderChanges
from falcohost_syscall.watched.ways import Ways


@pytest.fixture
def changes():
    """Return a queue of changes."""
    found = FolderChanges()
    yield found
    found.close()


def names(changes, folder):
    """Return the names in *folder* whose changes end the waiting."""
    return changes.names.get(changes.mark(bytes(folder)), set())


def test_each_folder_on_the_way(changes):
    """Each folder on the way has the next name."""
    Ways(changes).follow(["/etc/passwd", "/etc/apt/none/file", "/none/x"], set())

    assert {b"etc", b"none"} == names(changes, Path("/"))
    assert {b"passwd", b"apt"} == names(changes, Path("/etc"))
    assert {b"none"} == names(changes, Path("/etc/apt"))


def test_links(changes, tmp_path):
    """The names behind a symbolic link count, too, each of them."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").symlink_to("./b")
    (tmp_path / "b").symlink_to(tmp_path / "deep" / ".." / "c")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "between").symlink_to("deep/")
    Ways(changes).follow([str(tmp_path / name) for name in ("a", "loop", "between//x")], set())

    assert {b"a", b"b", b"c", b"deep", b"loop", b"between"} == names(changes, tmp_path)
    assert {b"x"} == names(changes, tmp_path / "deep")


def test_which_are_followed_anew(changes, tmp_path):
    """Those through folders that have changed are, those that are new, and those that are to be."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    paths = [str(tmp_path / name / "x") for name in ("one", "other")]
    ways = Ways(changes)

    assert {paths[0]} == ways.follow(paths[:1], set())
    assert {paths[1]} == ways.follow(paths, set())
    assert set() == ways.follow(paths, set())
    assert {paths[1]} == ways.follow(paths, {changes.mark(bytes(tmp_path / "other"))})
    assert {*paths} == ways.follow(paths, {changes.mark(bytes(tmp_path))})
    ways.forget(paths[:1])
    assert {paths[0]} == ways.follow(paths, set())
    ways.forget_all()
    assert {*paths} == ways.follow(paths, set())


def test_folders_that_nobody_asks_for_any_more(changes, tmp_path):
    """They are not marked any more."""
    ways = Ways(changes)
    (tmp_path / "deep").mkdir()
    ways.follow([str(tmp_path / "deep/x"), str(tmp_path / "y")], set())
    number = changes.mark(bytes(tmp_path / "deep"))
    ways.follow([str(tmp_path / "y")], {number})

    assert number not in changes.names
    assert number != changes.mark(bytes(tmp_path / "deep"))


def test_what_file_systems_tell(changes, tmp_path):
    """File systems that others change, and folders without a mark, do not tell of all changes."""
    (tmp_path / "link").symlink_to("/proc/version")
    paths = {name: str(tmp_path / name) for name in ("x", "link", "none/x")} | {"proc": "/proc/version"}
    ways = Ways(changes)
    ways.follow(paths.values(), set())

    assert {paths["link"], paths["proc"]} == {*ways.untold}


def test_no_queue(tmp_path):
    """Where the kernel allows no queue, nothing is told."""
    changes = FolderChanges()
    changes.close()
    ways = Ways(changes)
    ways.follow([str(tmp_path / "x")], set())

    assert {str(tmp_path / "x")} == {*ways.untold}


def test_a_folder_of_which_not_all_is_told_becomes_another(changes, tmp_path, monkeypatch):
    """It is marked again, and followed anew."""
    monkeypatch.setattr("falcohost_syscall.watched.ways._TELL", frozenset())
    (tmp_path / "deep").mkdir()
    (path,) = paths = [str(tmp_path / "deep/x")]
    ways = Ways(changes)
    ways.follow(paths, set())
    assert set() == ways.follow(paths, set())
    (tmp_path / "deep").rename(tmp_path / "gone")
    (tmp_path / "deep").mkdir()

    assert {path} == ways.follow(paths, set())
    assert {b"x"} == names(changes, tmp_path / "deep")


def test_folders_in_which_anybody_may_write(changes, tmp_path):
    """They are marked for files, for links, and for what does not exist, and not for a folder on the way."""
    for folder in ("one/deep", "other/deep"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder).parent.chmod(0o777)
    (tmp_path / "other/link").symlink_to("deep")
    ways = Ways(changes)
    ways.follow(
        [str(tmp_path / name) for name in ("one/deep/x", "other/deep/x", "other/link/y", "other/none/x")], set()
    )

    assert set() == names(changes, tmp_path / "one")
    assert {b"link", b"none"} == names(changes, tmp_path / "other")
    assert {b"x"} == names(changes, tmp_path / "one/deep")
    assert {b"x", b"y"} == names(changes, tmp_path / "other/deep")
    assert not ways.untold

"""Watching files: a change is told once, when it has settled."""

import os
import time

import pytest

from falcohost.host.stamps import stamps
from falcohost.host.supervision.watch import Watch


@pytest.fixture
def file(tmp_path):
    """Return a file that is there."""
    path = tmp_path / "rules.yaml"
    path.write_text("a")
    return path


def test_a_change_is_told_when_it_has_settled(file):
    """While a file still changes nothing is said; then once."""
    watch = Watch(stamps([str(file)]))
    assert [watch.changed(), watch.changed()] == [False, False]

    file.write_text("ab")
    assert not watch.changed()
    file.write_text("abc")
    assert [watch.changed(), watch.changed(), watch.changed()] == [False, True, False]


def test_replaced_and_removed(file):
    """A file that another is renamed over, one that goes and one that comes are changes."""
    watch = Watch(stamps([str(file), f"{file}.d"]))

    other = file.with_suffix(".new")
    other.write_text("a")
    other.rename(file)
    assert [watch.changed(), watch.changed()] == [False, True]
    file.unlink()
    assert [watch.changed(), watch.changed()] == [False, True]
    file.with_name(f"{file.name}.d").mkdir()
    assert [watch.changed(), watch.changed()] == [False, True]


def test_what_changes_back_is_no_change(tmp_path):
    """A file that is gone for a moment, as while it is written anew, and then as before, says nothing."""
    watch = Watch(stamps([str(tmp_path / "none")]))

    (tmp_path / "none").touch()
    assert not watch.changed()
    (tmp_path / "none").unlink()
    assert [watch.changed(), watch.changed()] == [False, False]


def test_what_changed_since_it_was_read(file):
    """A file that changed between being read and being watched is told of, at the start and with new files."""
    before = stamps([str(file)])
    file.write_text("ab")
    watch = Watch(before)
    assert [watch.changed(), watch.changed()] == [False, True]

    before = stamps([str(file)])
    file.write_text("abc")
    watch.go_over(before)
    assert [watch.changed(), watch.changed()] == [False, True]


def test_the_same_size_and_time(file):
    """A file that is written in place is another one, even if its size and its time are those of before."""
    status = file.stat()
    watch = Watch(stamps([str(file)]))
    time.sleep(0.02)
    file.write_text("b")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert [watch.changed(), watch.changed()] == [False, True]


def test_what_is_waited_for(file, tmp_path):
    """The coming of a file that was missing is a change; one that is watched already stays as it is."""
    watch = Watch(stamps([str(file)]))
    watch.wait_for([str(file), str(tmp_path / "new")])
    assert [watch.changed(), watch.changed()] == [False, False]
    (tmp_path / "new").touch()
    assert [watch.changed(), watch.changed()] == [False, True]


def test_where_nothing_is_watched(tmp_path):
    """With ``watch_config_files: false`` what was missing is not waited for either."""
    watch = Watch({})
    watch.wait_for([str(tmp_path / "new")])
    (tmp_path / "new").touch()

    assert [watch.changed(), watch.changed()] == [False, False]

"""Watching files: a change is told once, when it has settled."""

import pytest

from falcohost.host.supervision.watch import Watch


@pytest.fixture
def file(tmp_path):
    """Return a file that is there."""
    path = tmp_path / "rules.yaml"
    path.write_text("a")
    return path


def test_a_change_is_told_when_it_has_settled(file):
    """While a file still changes nothing is said; then once."""
    watch = Watch([str(file)])
    assert [watch.changed(), watch.changed()] == [False, False]

    file.write_text("ab")
    assert not watch.changed()
    file.write_text("abc")
    assert [watch.changed(), watch.changed(), watch.changed()] == [False, True, False]


def test_replaced_and_removed(file):
    """A file that another is renamed over, one that goes and one that comes are changes."""
    watch = Watch([str(file), f"{file}.d"])

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
    watch = Watch([str(tmp_path / "none")])

    (tmp_path / "none").touch()
    assert not watch.changed()
    (tmp_path / "none").unlink()
    assert [watch.changed(), watch.changed()] == [False, False]

"""The state directory: where it is, who may write to it, and that one agent uses it at a time."""

import os

import pytest

from falcohost.errors import StateError
from falcohost.store.directory import claim, state_directory
from falcohost.store.limits import Limits
from falcohost.store.store import open_store


def test_one_agent_at_a_time(tmp_path, caplog):
    """A second agent on the same directory keeps its state in memory, and says so."""
    first = open_store(str(tmp_path / "state"), Limits())
    second = open_store(str(tmp_path / "state"), Limits())

    assert (first.kept, second.kept) == (True, False)
    assert "is in use by another falcohost; keeping the state of this run in memory only" in caplog.text
    first.close()
    assert open_store(str(tmp_path / "state"), Limits()).kept


def test_a_directory_that_others_can_write(tmp_path):
    """A directory in which another user could replace the file is not used."""
    tmp_path.chmod(0o777)

    with pytest.raises(
        StateError, match=r"other users can write to the state directory .*; remove that permission with chmod go-w"
    ):
        claim(tmp_path)


def test_a_directory_that_cannot_be_made(tmp_path):
    """An obstacle is reported in a sentence."""
    (tmp_path / "file").touch()

    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        claim(tmp_path / "file" / "state")


def test_where_the_state_is(monkeypatch):
    """The configuration comes first, then our variable, then systemd's, then the place for this user's state."""
    monkeypatch.setenv("FALCOHOST_STATE_DIR", "/b")
    monkeypatch.setenv("STATE_DIRECTORY", "/c:/d")

    assert str(state_directory("/a")) == "/a"
    assert str(state_directory()) == "/b"
    monkeypatch.delenv("FALCOHOST_STATE_DIR")
    assert str(state_directory()) == "/c"
    monkeypatch.delenv("STATE_DIRECTORY")
    assert str(state_directory()) == "/var/lib/falcohost"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert str(state_directory()) == "/home/somebody/.local/state/falcohost"
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert str(state_directory()) == "/x/falcohost"


def test_a_directory_in_use_is_let_go(tmp_path):
    """Whoever is refused keeps nothing of the directory open."""
    held = claim(tmp_path)
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with pytest.raises(StateError, match="is in use by another falcohost"):
        claim(tmp_path)
    assert before == set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    os.close(held)

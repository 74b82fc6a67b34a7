"""The state directory: where it is, who may write to it, and that one agent uses it at a time."""

import os
import subprocess

import pytest

from falcohost.errors import StateError
from falcohost.store.directory import claim, directory_problem, state_directory
from falcohost.store.limits import Limits
from falcohost.store.opened import open_store


@pytest.fixture
def briefly(monkeypatch):
    """Have nobody wait long for an agent that uses a directory."""
    monkeypatch.setattr("falcohost.store.directory.ENDING", 0.05)


def test_one_agent_at_a_time(tmp_path, caplog, briefly):
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


def owners(folder):
    """Return the user of a folder and of each file in it."""
    return {path.name: path.stat(follow_symlinks=False).st_uid for path in (folder, *folder.iterdir())}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_directory_is_given_to_its_user(tmp_path):
    """Directory and files of an earlier version, or of an earlier user, belong to the new user alone."""
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    for name in ("state.db", "state.db-wal", "state.db.broken-20260101T000000"):
        (state / name).write_text("x")
    os.close(claim(state, 61200, range(61184, 61300)))
    assert {61200} == set(owners(state).values())
    assert {0o700, 0o600} == {path.stat().st_mode & 0o777 for path in (state, *state.iterdir())}

    os.close(claim(state, 61201, range(61184, 61300)))
    assert {61201} == set(owners(state).values())
    with pytest.raises(StateError, match=r"belongs to another user \(uid 61201\)"):
        claim(state, 70000, range(70000, 70001))
    assert directory_problem(str(state), ours=False, users=range(61184, 61300)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_a_hostile_user_has_put_there_is_not_given_away(tmp_path):
    """No link is followed, no file with two names is given to anybody, and no file of a third user."""
    state, secret = tmp_path / "state", tmp_path / "secret"
    state.mkdir(mode=0o700)
    secret.write_text("root's")
    (state / "state.db").symlink_to(secret)
    (state / "state.db-wal").hardlink_to(secret)
    (state / "state.db-shm").write_text("somebody's")
    os.mkfifo(state / "state.db.broken-1")
    os.chown(state / "state.db-shm", 1234, 1234)
    os.close(claim(state, 61200, range(61184, 61300)))

    assert (0, 1234) == (secret.stat().st_uid, (state / "state.db-shm").stat().st_uid)
    assert 0 == (state / "state.db.broken-1").stat().st_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_directory_that_has_something_else_is_not_given_away(tmp_path):
    """A directory that falcohost was told of by mistake keeps its user and its mode."""
    (tmp_path / "notes").touch()
    before = tmp_path.stat()

    with pytest.raises(StateError, match=r"has other files \(notes\).*name a directory that is only for falcohost"):
        claim(tmp_path, 61200)
    assert (before.st_uid, before.st_mode) == (tmp_path.stat().st_uid, tmp_path.stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize(
    ("option", "reason"), [("ro", "Read-only file system"), ("size=16k", "No space left"), ("", "")]
)
def test_a_directory_in_use_is_only_looked_at(tmp_path, option, reason):
    """What a running agent uses is checked without writing there, which its rules would tell of."""
    options = f"mode=700,{option or 'size=1m'}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        before = tmp_path.stat().st_mtime_ns
        problem = directory_problem(str(tmp_path), ours=True)
        after = tmp_path.stat().st_mtime_ns
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)

    assert (reason in str(problem)) if reason else (problem is None)
    assert before == after


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


def test_a_directory_in_use_is_let_go(tmp_path, briefly):
    """Whoever is refused keeps nothing of the directory open."""
    held = claim(tmp_path)
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with pytest.raises(StateError, match="is in use by another falcohost"):
        claim(tmp_path)
    assert before == set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    os.close(held)


def test_a_path_that_only_passes_through_a_folder(tmp_path):
    """Neither a check nor a start makes folders that the path leaves again, and both see that it leads nowhere."""
    path = f"{tmp_path}/new/../../../../../../../proc/1/x"

    assert directory_problem(path, ours=False) is not None
    with pytest.raises(StateError, match="the state directory /proc/1/x cannot be used"):
        claim(state_directory(path))
    assert not (tmp_path / "new").exists()

"""script/check and the BPF objects: they are compared with their sources, and a landing writes them once."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest

NEEDED = ("bash", "basename", "dirname", "env", "git")


@pytest.fixture
def clone(root, tmp_path):
    """Return a repository with script/check, where its other checks succeed and no compiler is installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in NEEDED:
        (programs / name).symlink_to(shutil.which(name))
    folder = tmp_path / "clone"
    for program in [*(folder / ".venv/bin" / name for name in ("mypy", "python", "ruff")), folder / "script/setup"]:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.symlink_to(shutil.which("true"))
    shutil.copy(root / "script/check", folder / "script/check")

    def run(*command):
        environment = {"PATH": str(programs)}
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)

    def commit(content):
        (folder / "probe.bpf.o").write_text(content)
        run("git", "add", "probe.bpf.o")
        done = run("git", "-c", "user.name=one", "-c", "user.email=one@example.com", "commit", "-m", content)
        assert done.returncode == 0, done.stderr

    run("git", "init", "-b", "main")
    commit("as it is")
    run("git", "switch", "-c", "change")
    return SimpleNamespace(run=run, commit=commit)


def test_objects_that_cannot_be_compared_fail_the_check(clone):
    """Without a compiler script/check fails, and says how to get one."""
    done = clone.run("script/check")

    assert done.returncode == 1
    assert "script/setup --bpf" in done.stderr


def test_objects_of_two_commits_fail_the_check(clone):
    """Two commits since main that write an object are too many."""
    clone.commit("an edit")
    clone.commit("another edit")

    done = clone.run("script/check")

    assert "2 commits since main write BPF objects" in done.stderr
    assert "objects_are_in_one_commit" in done.stderr.splitlines()[-1]


def test_objects_of_one_commit_pass_the_check(clone):
    """One commit since main may write objects."""
    clone.commit("the last edit")

    done = clone.run("script/check")

    assert "objects_are_in_one_commit" not in done.stderr

"""The commands of script/: what they say when there is nothing to do, or when they are called wrongly."""

import os
import subprocess

import pytest

from falcohost.testing.waiting import PATIENCE

SCRIPTS = ("bench", "check", "docs", "evasion", "kernels", "lock", "oldest", "run", "security", "setup", "test")


def script(root, name, *args):
    """Run script/NAME from a folder that is not the repository."""
    command = [str(root / "script" / name), *args]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=PATIENCE, check=False)


def test_scripts_are_these(root):
    """script/ has the commands that CONTRIBUTING.md and the README name, and each can be executed."""
    found = sorted(path.name for path in (root / "script").iterdir() if path.is_file() and not path.suffix)

    assert found == sorted(SCRIPTS)
    assert [name for name in found if not os.access(root / "script" / name, os.X_OK)] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_says_what_it_does(root, name):
    """The second line of each is a sentence for the reader, and bash can read the whole."""
    lines = (root / "script" / name).read_text().splitlines()

    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# ")
    assert subprocess.run(["bash", "-n", str(root / "script" / name)], check=False).returncode == 0


def test_setup_has_nothing_to_do(root):
    """Where everything is there, as it is after one run, script/setup is silent."""
    script(root, "setup", "--dev")

    done = script(root, "setup")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_setup_refuses_what_it_does_not_know(root):
    """An unknown argument is answered with the ones that there are."""
    done = script(root, "setup", "--everything")

    assert done.returncode == 2
    assert "script/setup --dev" in done.stderr


def test_bench_lists_what_there_is(root):
    """script/bench without a name says which benchmarks there are."""
    done = script(root, "bench")

    assert done.returncode == 2
    assert "overhead" in done.stderr

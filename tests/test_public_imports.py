"""Plugins import what is public and nothing else; script/check says where one does not."""

import subprocess
import sys

import pytest

BAD = """
import falcohost.engine.ir
from falcohost import Field, jsonlog, store
from falcohost.jsonlog import JsonLog, _private
from falcohost.testing import PluginContract
from falcohost_dummy import plugin
"""


@pytest.fixture
def run(root):
    """Return a function that runs the check on folders."""

    def run(*folders):
        command = [sys.executable, str(root / "script" / "public_imports.py"), *map(str, folders)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_plugins_import_what_is_public(run):
    """Neither a plugin of ours nor an example reaches into falcohost."""
    done = run()

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_what_is_not_public_is_named(run, tmp_path):
    """Each wrong import is named with its file and line; other packages are not looked at."""
    (tmp_path / "bad.py").write_text(BAD)

    done = run(tmp_path)

    assert done.returncode == 1
    assert done.stdout.replace(f"{tmp_path}/", "").splitlines() == [
        "bad.py:2: falcohost.engine.ir is not public; falcohost.api.MODULES lists what is",
        "bad.py:3: store is not public in falcohost",
        "bad.py:4: _private is not public in falcohost.jsonlog",
        "bad.py:5: falcohost.testing is for tests",
    ]


def test_tests_may_import_what_tests_are_made_with(run, tmp_path):
    """In a folder called tests the contracts may be imported."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("from falcohost.testing import PluginContract\n")

    assert run(tmp_path).returncode == 0

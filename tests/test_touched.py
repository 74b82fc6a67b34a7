"""script/touched.py: which tests a change touches, in which order, and what it says of those it had no time for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing.waiting import PATIENCE

FILES = {
    "core/falcohost/engine/globs.py": "",
    "core/falcohost/engine/matcher.py": "from falcohost.engine.globs import glob\n",
    "core/falcohost/store/store.py": "",
    "tests/engine/test_matcher.py": "from falcohost.engine.matcher import Matcher\n\ndef test_a(): pass\n",
    "tests/engine/test_globs.py": "from falcohost.engine import globs\n\ndef test_b(): pass\n",
    "tests/engine/test_process.py": "import subprocess\n",
    "tests/store/test_store.py": "from falcohost.store import store\n",
    "tests/test_docs.py": "",
    "plugins/okta/falcohost_okta/mfa.py": "",
    "plugins/okta/tests/test_e2e.py": "",
    "docs/rules.md": "",
}


@pytest.fixture
def touched(root, monkeypatch):
    """Return the module of the script."""
    monkeypatch.syspath_prepend(str(root / "script"))
    import touched

    return touched


@pytest.fixture
def project(tmp_path) -> Path:
    """Return a project in git that has a few files."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git = ["git", "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        (
            "core/falcohost/engine/globs.py",
            ["tests/engine/test_globs.py", "tests/engine/test_matcher.py", "tests/engine/test_process.py"],
        ),
        ("plugins/okta/falcohost_okta/mfa.py", ["plugins/okta/tests/test_e2e.py"]),
        ("docs/rules.md", ["tests/test_docs.py"]),
        ("tests/store/test_store.py", ["tests/store/test_store.py"]),
        ("LICENSE", []),
    ],
)
def test_nearest_first(touched, project, changed, tests):
    """Tests that import what has changed come first, then those of the same folder; other tests are left out."""
    (project / changed).write_text("# changed\n" if changed.endswith(".md") else (FILES.get(changed, "") + "x = 1\n"))

    found = touched.nearest(project, touched.changed_files(project, "HEAD"))

    assert tests == [str(path.relative_to(project)) for path in found]


TESTS = """
import __main__

def test_first(): __main__.clock.sleep(61)
def test_second(): pass
"""

RUN = """
import sys
import pytest
from falcohost.testing.clock import ManualClock

sys.path.insert(0, sys.argv[1])
import touched

clock = ManualClock()
pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[2]], plugins=[touched.Deadline(60, clock)])
"""


def test_what_there_was_no_time_for_is_said(root, tmp_path):
    """When the time is over no further test begins, and the rest is named."""
    (tmp_path / "test_slow.py").write_text(TESTS)

    command = [sys.executable, "-c", RUN, str(root / "script"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE)

    assert "no time for 1 tests, in: test_slow.py" in done.stdout, done.stderr
    assert "1 passed" in done.stdout

"""The locks: what an installation needs, with versions and hashes, and nothing that pyproject.toml does not ask for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from falcohost.testing import skip_or_fail

ROOT = Path(__file__).parent.parent
LOCKS = {"requirements.lock": ("syscall",), "requirements-all.lock": ("all",)}

_ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+?)(?: ; (.*?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def locked(name):
    """Return version and number of hashes of each entry."""
    text = (ROOT / name).read_text()
    found = {canonicalize_name(one[1]): (one[2], one[4].count("--hash")) for one in _ENTRY.finditer(text)}
    assert len(found) == len(re.findall(r"^\S+==", text, re.MULTILINE)), name
    return found


def wanted(extras):
    """Return the requirements of pyproject.toml for *extras*, and of its build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"]
    texts = [*project["project"]["dependencies"], *project["build-system"]["requires"], "editables"]
    queue, seen = list(extras), set()
    while queue:
        extra = queue.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for text in optional[extra]:
            requirement = Requirement(text)
            if requirement.name == "falcohost":
                queue += requirement.extras
            else:
                texts.append(text)
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("name", LOCKS)
def test_all_that_is_needed_is_locked(name):
    """Each dependency, and what it needs in turn, has a fitting version and hashes; nothing else is locked."""
    entries, missing, queue, seen = locked(name), [], wanted(LOCKS[name]), set()
    while queue:
        requirement = queue.pop()
        key = canonicalize_name(requirement.name)
        version, hashes = entries.get(key, ("", 0))
        if not hashes or not requirement.specifier.contains(version):
            missing.append(str(requirement))
        if (key, frozenset(requirement.extras)) in seen:
            continue
        seen.add((key, frozenset(requirement.extras)))
        try:
            needs = distribution(key).requires or []
        except PackageNotFoundError:
            continue
        for need in map(Requirement, needs):
            if need.marker is None or any(need.marker.evaluate({"extra": one}) for one in ("", *requirement.extras)):
                queue.append(need)

    assert missing == []
    assert set(entries) <= {key for key, _ in seen}


def test_one_version_of_each():
    """Both locks have the same versions."""
    small, large = locked("requirements.lock"), locked("requirements-all.lock")

    assert small.items() <= large.items()


@pytest.mark.parametrize("name", LOCKS)
def test_pip_takes_it(name):
    """A file is found with one of the hashes for each entry."""
    done = _dry_run(ROOT / name)

    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stdout


def test_pip_refuses_other_files(tmp_path):
    """A file with another hash than the lock's is refused."""
    wrong = tmp_path / "wrong.lock"
    wrong.write_text(re.sub("sha256:.{8}", "sha256:00000000", (ROOT / "requirements.lock").read_text()))
    done = _dry_run(wrong)

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def _dry_run(lock):
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--require-hashes",
        "-r",
        lock,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "Could not find a version" in done.stderr:
        skip_or_fail("index", "needs a package index")
    return done

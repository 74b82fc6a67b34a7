"""Runs the tests that a change touches, nearest first, for at most a minute: script/test --touched [BASE].

A test is nearer the fewer imports lie between it and a changed file. Tests of the same plugin, or of the same folder of
core, count as near even without an import, since they may reach the file through a process. Tests that there was no
time for are listed: they were not run. The whole suite is script/test.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from falcohost.clock import SYSTEM, Clock

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 60.0
#: How far a test is whose folder belongs to a changed file.
SAME_FOLDER = 3
#: What stands for files that are no Python.
BESIDE = {"docs": "tests/test_docs.py", "script": "tests/test_scripts.py", ".ci": "tests/test_scripts.py"}


def python_files(root: Path) -> list[Path]:
    """Return the files of the project, those that are not committed yet too."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"], cwd=root, capture_output=True, text=True, check=True
    )
    return [root / name for name in listed.stdout.split() if (root / name).exists()]


def changed_files(root: Path, base: str) -> list[Path]:
    """Return the files that differ from the commit *base*, and new ones."""
    changed = ["git", "diff", "--name-only", base]
    new = ["git", "ls-files", "-o", "--exclude-standard"]
    names = [subprocess.run(c, cwd=root, capture_output=True, text=True, check=True).stdout for c in (changed, new)]
    return [root / name for name in "".join(names).split()]


class Imports:
    """Which files of the project import which."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.files = python_files(root)
        self._modules = {name: file for file in self.files for name in self._names(file)}
        self._importers: dict[Path, set[Path]] = {}
        for file in self.files:
            for imported in self._imported(file):
                self._importers.setdefault(imported, set()).add(file)

    def tests(self) -> list[Path]:
        """Return the files with tests."""
        return [file for file in self.files if file.name.startswith("test_")]

    def distances(self, changed: Iterable[Path]) -> Mapping[Path, int]:
        """Return how many imports lie between a file and the nearest of the changed ones."""
        found = dict.fromkeys(changed, 0)
        waiting = deque(found)
        while waiting:
            file = waiting.popleft()
            for importer in self._importers.get(file, ()):
                if importer not in found:
                    found[importer] = found[file] + 1
                    waiting.append(importer)
        return found

    def _names(self, file: Path) -> Iterator[str]:
        """Yield what a module may be called in an import: by its place below a source root, or by its name alone."""
        parts = file.relative_to(self._root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        package = next((at for at, part in enumerate(parts) if part.startswith("falcohost")), None)
        if package is not None:
            yield ".".join(parts[package:])
        else:
            yield from (name for name in (parts[-1], ".".join(parts[-2:])) if name not in sys.stdlib_module_names)

    def _imported(self, file: Path) -> Iterator[Path]:
        for node in ast.walk(ast.parse(file.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (self._modules[name] for name in names if name in self._modules)


def nearest(root: Path, changed: Iterable[Path]) -> list[Path]:
    """Return the files with tests that *changed* files touch, nearest first."""
    imports = Imports(root)
    changed = list(changed)
    distances = dict(imports.distances(changed))
    for test in imports.tests():
        if any(belongs(root, test, file) for file in changed):
            distances[test] = min(distances.get(test, SAME_FOLDER), SAME_FOLDER)
        if any(test.stem == f"test_{file.stem}" and belongs(root, test, file) for file in changed):
            distances[test] = min(distances[test], 1)
    beside = {root / BESIDE[top] for top in (file.relative_to(root).parts[0] for file in changed) if top in BESIDE}
    distances |= dict.fromkeys(beside, 0)
    tests = [test for test in imports.tests() if test in distances]
    return sorted(tests, key=lambda test: (distances[test], test.stat().st_size, test))


def belongs(root: Path, test: Path, file: Path) -> bool:
    """Tell whether *test* is in the folder with the tests of *file*."""
    where, what = test.relative_to(root).parts, file.relative_to(root).parts
    if what[0] in ("plugins", "examples"):
        return where[:2] == what[:2]
    return what[:2] == ("core", "falcohost") and len(what) > 3 and where[:2] == ("tests", what[2])


class Deadline:
    """Ends a run of pytest when its time is over, between two tests."""

    def __init__(self, seconds: float, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._until = clock.monotonic() + seconds
        self._left = 0
        self._files: dict[str, None] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Begin when the tests are collected."""
        self._left = len(session.items)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Count what has run."""
        self._left -= 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Leave out what begins too late."""
        if self._clock.monotonic() < self._until:
            return None
        self._files[item.location[0]] = None
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the tests that were not run."""
        if self._files:
            terminalreporter.write_line(f"no time for {self._left} tests, in: {', '.join(self._files)}")


def main(arguments: list[str]) -> int:
    """Run the tests that the change since *arguments*' first touches (the last commit, if there is none)."""
    base = arguments[0] if arguments and not arguments[0].startswith("-") else "HEAD"
    changed = changed_files(ROOT, base)
    tests = nearest(ROOT, changed)
    if not tests:
        print(f"nothing that tests know of differs from {base}")
        return 0
    print(f"{len(changed)} files differ from {base}; tests of {len(tests)} files know of them", flush=True)
    options = [argument for argument in arguments if argument.startswith("-")]
    return int(pytest.main([*options, *map(str, tests)], plugins=[Deadline(SECONDS)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

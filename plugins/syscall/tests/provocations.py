"""Command lines that tests run to have rules fire."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from falcohost.testing.agent import Agent
from falcohost.testing.waiting import PATIENCE, SLOWNESS

#: Programs of the system that provocations use; all other names are copies of the tester.
SYSTEM = ("cat", "find", "grep", "sh", "true")


class Ended(NamedTuple):
    """A process that ran a line and has ended; *pid* is its session's id too."""

    pid: int
    code: int
    errors: str


class Provocations:
    """Runs command lines, each with programs of its own, so that every alert can be told by its program's folder.

    In a command line ``@NAME`` is a program called NAME, ``$tmp`` a folder of the line's own, ``$shm`` such a folder in
    /dev/shm, ``$cgroup`` the container's cgroup and ``$service`` the web server's, ``$here`` the number of the tests'
    own process.
    """

    def __init__(self, tester: Path, folder: Path, shared_memory: Path, cgroups: Mapping[str, Path]) -> None:
        self._tester = tester
        self._roots = {"tmp": folder, "shm": shared_memory}
        self._cgroups = cgroups
        self._names: dict[str, str] = {}
        self._numbers = itertools.count()

    def run(self, lines: Mapping[str, str]) -> None:
        """Run all lines; those that only wait at first run beside the others. Each has to succeed."""
        running = {key: self._start(key, line) for key, line in lines.items() if " after " in line}
        for key, line in lines.items():
            if key not in running:
                self._finish(key, line, self._start(key, line))
        for key, process in running.items():
            self._finish(key, lines[key], process)

    def attempt(self, lines: Mapping[str, str]) -> dict[str, Ended]:
        """Run all lines one after the other, whatever their exit codes, each in a session of its own."""
        ended = {}
        for key, line in lines.items():
            process = self._start(key, line)
            _, errors = process.communicate(timeout=PATIENCE * SLOWNESS)
            ended[key] = Ended(process.pid, process.returncode, errors.strip())
        return ended

    def rules_fired(self, agent: Agent, key: str) -> set[str]:
        """Return the rules of the alerts about the line with that *key*."""
        return {alert["rule"] for alert in agent.alerts if self.is_about(alert, key)}

    def is_about(self, alert: Mapping[str, object], key: str) -> bool:
        """Return whether the alert names a file in the folder of the line with that *key*."""
        return f"{self._roots['tmp'].name}/{self._names[key]}/" in str(alert["output_fields"])

    def mentions(self, alert: Mapping[str, object]) -> bool:
        """Return whether the alert names a file in the folder of any line."""
        return f"{self._roots['tmp'].name}/" in str(alert["output_fields"])

    def _start(self, key: str, line: str) -> subprocess.Popen[str]:
        self._names[key] = f"n{next(self._numbers)}"  # a line may run again
        folders = {name: root / self._names[key] for name, root in self._roots.items()}
        for folder in folders.values():
            folder.mkdir(mode=0o755)
        values = {**folders, **self._cgroups, "here": os.getpid()}
        words = [self._word(word, folders["tmp"], values) for word in line.split()]
        return subprocess.Popen(
            words,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folders["tmp"],
            start_new_session=True,
        )

    def _finish(self, key: str, line: str, process: subprocess.Popen[str]) -> None:
        _, errors = process.communicate(timeout=PATIENCE * SLOWNESS)
        assert process.returncode == 0, f"{key}: {line}: exit code {process.returncode}: {errors}"

    def _word(self, word: str, folder: Path, values: Mapping[str, object]) -> str:
        for name, value in values.items():
            word = word.replace(f"${name}", str(value))
        place, mark, name = word.rpartition("@")
        if not mark:
            return word
        program = Path(place or folder) / name
        if not program.exists():
            program.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(shutil.which(name) if name in SYSTEM else self._tester, program)
        return str(program)

"""The names of an executable: an exec matches under any one of them, whether the kernel filters or not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import random_events

from falcohost.engine.code.module import compile_condition
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls import EXIT
from falcohost_syscall.events import PID
from falcohost_syscall.fields import FIELDS
from falcohost_syscall.source import SyscallSource

GET = {field.name: field.get for field in FIELDS}
HERE = Path(__file__).parent
RUN = "import os, sys\nos.execv(sys.argv[1], ['x'])"
#: In mounts of its own, where the program's folder is at /mnt.
BOUND = f"""
import ctypes, os, sys
sys.path.append({str(HERE)!r})
from names_workload import *
folder, _, name = sys.argv[1].rpartition("/")
assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
mount("none", "/", MS_REC | MS_PRIVATE)
mount(folder, "/mnt", MS_BIND)
os.execv("/mnt/" + name, ["x"])"""


class Watcher:
    """A source that wants the execs that match a condition, and what of a program's execs do."""

    def __init__(self, condition: str, **settings: object) -> None:
        self._matches = compile_condition(_expression(condition))
        self._source = SyscallSource({"falcohost": settings})
        wanted = _expression(f"evt.type = {EXIT} or ({condition})")
        self._source.open(Plan("syscall", frozenset({"execve", EXIT}), condition=wanted), None)

    def names(self, path: Path, script: str = RUN) -> list[str]:
        """Run the script with *path*; return proc.exepath of each exec that matches."""
        process = subprocess.Popen([sys.executable, "-c", script, str(path)])
        found = []
        for batch in self._source.batches():
            for event in batch.events:
                if event.h[PID] != process.pid:
                    continue
                if event.type == EXIT:
                    assert process.wait() == 0
                    return found
                views = (event, *(event.alternatives if batch.views else ()))
                found += [GET["proc.exepath"](view, None) for view in filter(self._matches, views)]
        raise AssertionError

    def passed(self) -> int:
        """Return how many execs the kernel passed on, and give up the source."""
        count = self._source.stats().types["execve"].passed
        self._source.close()
        return count


def _expression(text):
    return check(parse(text), random_events.CATALOG).expr


@pytest.fixture(params=[True, False], ids=["filtered", "unfiltered"])
def watch(bpf, request) -> Iterator[type[Watcher]]:
    """Return a function that begins to watch, with filters in the kernel or without."""
    started = []

    def watch(condition: str, **settings: object) -> Watcher:
        started.append(Watcher(condition, pushdown=request.param, **settings))
        return started[-1]

    yield watch
    for watcher in started:
        watcher.passed()


@pytest.fixture
def program(tmp_path) -> Path:
    """Return a program that has a second link, ``link`` beside it."""
    shutil.copy("/bin/true", tmp_path / "program")
    (tmp_path / "link").hardlink_to(tmp_path / "program")
    return tmp_path / "program"


def test_hard_link(watch, program):
    """A rule that names the program fires when it is started by the other link."""
    assert [str(program)] == watch(f"evt.type = execve and proc.exepath = {program}").names(program.with_name("link"))


def test_bound_folder(watch, program):
    """A rule that names the program's folder fires where it is mounted at another place."""
    condition = f"evt.type = execve and proc.exepath startswith {program.parent}/ and not proc.exepath endswith x"

    assert [str(program)] == watch(condition).names(program, BOUND)


def test_real_name(watch, program):
    """The name by which it was started still counts."""
    assert ["/mnt/program"] == watch("evt.type = execve and proc.exepath = /mnt/program").names(program, BOUND)


def test_name_by_name(watch, program):
    """No condition holds by half of one name and half of another."""
    condition = f"evt.type = execve and proc.exepath startswith /mnt/ and proc.exepath startswith {program.parent}/"

    assert [] == watch(condition).names(program, BOUND)


def test_falcos_reading(watch, program):
    """With the requested names only, the link is another program."""
    watcher = watch(f"evt.type = execve and proc.exepath = {program}", names="requested")

    assert [] == watcher.names(program.with_name("link"))

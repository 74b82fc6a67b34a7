"""The names of an executable: an exec matches under any one of them, whether the kernel filters or not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

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


@pytest.fixture
def watch(watch_names) -> Callable[..., Callable[..., list[str]]]:
    """Return a function that begins to watch execs; what it returns runs a program, and returns names that match."""

    def watch(condition: str, **settings: object) -> Callable[..., list[str]]:
        watcher = watch_names("execve", condition, **settings)
        return lambda path, script=RUN: [name for (name,) in watcher.names(script, path, "proc.exepath")]

    return watch


@pytest.fixture
def program(tmp_path) -> Path:
    """Return a program that has a second link, ``link`` beside it."""
    shutil.copy("/bin/true", tmp_path / "program")
    (tmp_path / "link").hardlink_to(tmp_path / "program")
    return tmp_path / "program"


def test_hard_link(watch, program):
    """A rule that names the program fires when it is started by the other link."""
    assert [str(program)] == watch(f"proc.exepath = {program}")(program.with_name("link"))


def test_bound_folder(watch, program):
    """A rule that names the program's folder fires where it is mounted at another place."""
    condition = f"proc.exepath startswith {program.parent}/ and not proc.exepath endswith x"

    assert [str(program)] == watch(condition)(program, BOUND)


def test_real_name(watch, program):
    """The name by which it was started still counts."""
    assert ["/mnt/program"] == watch("proc.exepath = /mnt/program")(program, BOUND)


def test_name_by_name(watch, program):
    """No condition holds by half of one name and half of another."""
    condition = f"proc.exepath startswith /mnt/ and proc.exepath startswith {program.parent}/"

    assert [] == watch(condition)(program, BOUND)


def test_falcos_reading(watch, program):
    """With the requested names only, the link is another program."""
    assert [] == watch(f"proc.exepath = {program}", names="requested")(program.with_name("link"))

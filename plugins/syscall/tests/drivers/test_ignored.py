"""Processes that are left out stay the ones they were: another program, or another process, is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf.ignored import Ignored, _Known
from falcohost_syscall.processes.proc_reader import since

#: Executes another program for each line that it reads.
BECOMES = "import os, sys; sys.stdin.readline(); os.execv('/bin/sleep', ['sleep', '60'])"


class PlayedProbe:
    """Notes which processes are left out."""

    def __init__(self) -> None:
        self.pids: set[int] = set()

    def ignore(self, pid: int) -> None:
        """Leave out a process."""
        self.pids.add(pid)

    def observe(self, pid: int) -> None:
        """Leave out a process no more."""
        self.pids.discard(pid)

    def ignored(self) -> frozenset[int]:
        """Return those that are left out."""
        return frozenset(self.pids)

    def is_hinted(self, pid: int) -> bool:
        """Return that the kernel looks for it."""
        return True


@pytest.fixture
def process():
    """Return a process that executes another program when it gets a line."""
    with subprocess.Popen([sys.executable, "-c", BECOMES], stdin=subprocess.PIPE, text=True) as process:
        wait_until(Path(f"/proc/{process.pid}/cmdline").read_bytes)  # it has none while it executes Python
        yield process
        process.kill()


@pytest.mark.parametrize("lasts", [True, False])
def test_another_program(process, lasts):
    """A process that executes another program is told of once, and its calls are collected from then on."""
    probe = PlayedProbe()
    ignored = Ignored(probe, [process.pid] if lasts else [])
    ignored.replace({} if lasts else {process.pid: since(process.pid)})

    assert [] == [*ignored.check()]
    assert {process.pid} == probe.pids
    process.stdin.write("\n")
    process.stdin.flush()
    said: list[str] = []
    wait_until(lambda: said.extend(ignored.check()) or said)

    assert ["has executed another program"] == [one.partition("collected, ")[2] for one in said]
    assert set() == probe.pids
    assert [] == [*ignored.check()]
    ignored.close()


def test_a_look_while_it_executes(process, monkeypatch):
    """Right then it has no command line, as one that ends: it is told of at the next look."""
    probe = PlayedProbe()
    ignored = Ignored(probe, [process.pid])
    with monkeypatch.context() as moment:
        moment.setattr(_Known, "runs", lambda known: b"")
        assert [] == [*ignored.check()]
        assert set() == probe.pids
    process.stdin.write("\n")
    process.stdin.flush()
    wait_until(lambda: b"sleep" in Path(f"/proc/{process.pid}/cmdline").read_bytes()[:5])
    said = [*ignored.check()]

    assert ["has executed another program"] == [one.partition("collected, ")[2] for one in said]
    assert [] == [*ignored.check()]
    ignored.close()


@pytest.mark.parametrize("lasts", [True, False])
def test_the_same_program_again(process, monkeypatch, lasts):
    """As an agent that goes on as another version of it: it stays left out, also if a look finds nothing right then."""
    probe = PlayedProbe()
    ignored = Ignored(probe, [process.pid] if lasts else [])
    ignored.replace({} if lasts else {process.pid: since(process.pid)})
    with monkeypatch.context() as moment:
        moment.setattr(_Known, "runs", lambda known: b"")
        assert [] == [*ignored.check()]

    assert [] == [*ignored.check()]
    assert {process.pid} == probe.pids
    ignored.replace({})
    assert ({process.pid} if lasts else set()) == probe.pids
    ignored.close()


def test_it_ends(process):
    """Of one that ends nothing is told, and its pid is left out no more, whoever may have it next."""
    probe = PlayedProbe()
    ignored = Ignored(probe, ())
    ignored.replace({process.pid: since(process.pid)})
    process.kill()
    process.wait()

    assert [] == [*ignored.check()]
    assert set() == probe.pids
    ignored.close()


def test_another_start(process):
    """A pid that another process has by now is not left out."""
    probe = PlayedProbe()
    ignored = Ignored(probe, ())
    ignored.replace({process.pid: since(process.pid) - 1})

    assert set() == probe.pids
    ignored.close()

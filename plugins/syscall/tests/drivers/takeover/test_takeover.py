"""Several drivers in turn read one probe, as the workers of an agent do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from falcohost import Plan, SourceError, handed
from falcohost.lasting import Memory
from falcohost.testing import skip_or_fail
from falcohost_syscall.drivers.modern_ebpf.asked import ask
from falcohost_syscall.drivers.modern_ebpf.config import parse
from falcohost_syscall.drivers.modern_ebpf.driver import ModernEbpf
from falcohost_syscall.drivers.modern_ebpf.loader import Loader
from falcohost_syscall.drivers.modern_ebpf.reader import MOST_ATTEMPTS
from falcohost_syscall.drivers.modern_ebpf.requirements import requirements
from falcohost_syscall.drivers.modern_ebpf.status import JOURNAL

PLAN = Plan("syscall", frozenset({"openat"}), frozenset({"fd.name", "proc.name", "proc.pname", "evt.num"}))


@pytest.fixture
def loader() -> Iterator[Loader]:
    """Return a loader that has loaded the probe."""
    for requirement in requirements():
        if requirement.problem:
            skip_or_fail("bpf", requirement.problem)
    settings = {"falcohost": {"pushdown": False}}
    loader = Loader(settings)
    loader.open(ask(parse(settings), PLAN))
    yield loader
    loader.close()


class Life:
    """One driver, from its start to its end.

    :ivar opened: the names of files that were opened below the folder, in order, with the numbers of the events.
    """

    def __init__(self, loader: Loader, folder: Path) -> None:
        handed.INHERITED.update({name: tuple(map(os.dup, those)) for name, those in loader.descriptors.items()})
        self.driver = ModernEbpf({})
        self.driver.open(PLAN)
        self.opened: list[tuple[str, int]] = []
        self._folder = f"{folder}/"

    def read(self, last: str, *, poison: str = "", store: bool = True) -> list[str]:
        """Read until the file *last* was opened; return the names that were.

        :raises ZeroDivisionError: the file *poison* was opened.
        """
        for batch in self.driver.batches():
            for event in batch.events:
                name = event.file_name or ""
                if name.startswith(self._folder):
                    name = name.removeprefix(self._folder)
                    if name == poison:
                        raise ZeroDivisionError
                    self.opened.append((name, event.num))
                    assert Path(sys.executable).resolve().name == event.proc.image.exepath.rpartition("/")[2]
            if store and batch.stored is not None:
                batch.stored()
            if last in dict(self.opened):
                break
        return [name for name, _ in self.opened]

    def end(self) -> None:
        """End, as a worker does that is killed."""
        self.driver._reader.close()
        self.driver._reader = None


def open_files(folder: Path, *names: str) -> None:
    """Have a process of its own open files."""
    script = f"for name in {names!r}: open({str(folder)!r} + '/' + name, 'w').close()"
    subprocess.run([os.path.realpath(sys.executable), "-ISc", script], check=True)


def test_each_reads_on_where_the_one_before_ended(loader, tmp_path):
    """What was stored is not read again, what was not is, with the same number; numbers go on."""
    first = Life(loader, tmp_path)
    open_files(tmp_path, "a", "b")
    assert ["a", "b"] == first.read("b")
    open_files(tmp_path, "c")
    first.read("c", store=False)
    first.end()
    open_files(tmp_path, "d")
    second = Life(loader, tmp_path)
    assert ["c", "d"] == second.read("d")
    assert first.opened[2] == second.opened[0]
    second.end()
    third = Life(loader, tmp_path)
    open_files(tmp_path, "e")

    assert ["e"] == third.read("e")
    assert third.opened[0][1] > second.opened[1][1]
    third.end()


def test_what_ends_its_reader_is_passed(loader, tmp_path):
    """After some attempts the event is left out, and only that one."""
    Life(loader, tmp_path).end()
    open_files(tmp_path, "a", "poison", "b", "c")
    seen: list[str] = []
    for _ in range(MOST_ATTEMPTS + 3):
        life = Life(loader, tmp_path)
        try:
            seen = [*seen, *life.read("c", poison="poison")]
        except ZeroDivisionError:
            seen = [*seen, *dict(life.opened)]
            life.end()
        else:
            break
    life.end()

    assert {"a", "b", "c"} == set(seen)
    assert 1 == seen.count("b") == seen.count("c")


def test_a_journal_that_cannot_be_used(loader, tmp_path):
    """The worker that finds it ends, and the next one begins without it, and sees what comes."""
    Life(loader, tmp_path).end()
    journal = Memory(loader.descriptors[JOURNAL][0])
    journal.replace(b"rubbish" * 100)
    life = Life(loader, tmp_path)
    with pytest.raises(SourceError, match="What the worker before has left cannot be used"):
        life.read("a")
    life.driver._reader = None
    life = Life(loader, tmp_path)
    open_files(tmp_path, "a")

    assert ["a"] == life.read("a")
    life.end()

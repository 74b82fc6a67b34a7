"""Processes that ran before the probe: each is read once, however little room the kernel has for them."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from falcohost import Plan, handed
from falcohost_syscall.drivers.modern_ebpf.asked import ask
from falcohost_syscall.drivers.modern_ebpf.config import parse
from falcohost_syscall.drivers.modern_ebpf.decoding import decoder as decoding
from falcohost_syscall.drivers.modern_ebpf.decoding.decoder import Decoder
from falcohost_syscall.drivers.modern_ebpf.driver import ModernEbpf
from falcohost_syscall.drivers.modern_ebpf.feed import MAPS
from falcohost_syscall.drivers.modern_ebpf.loader import Loader
from falcohost_syscall.drivers.modern_ebpf.status import PROBE
from falcohost_syscall.events.event import Context
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.maps import Added, Maps
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.proc_reader import Here, Since, What
from falcohost_syscall.processes.procfs import READING
from falcohost_syscall.processes.users import Users
from falcohost_syscall.records import record

PLAN = Plan("syscall", frozenset({"openat"}), frozenset({"fd.name", "proc.cmdline"}))
COUNT = 40

#: No process has this number, or a larger one.
NOBODY = 1 << 23


class Counting(Here):
    """Counts how often each process is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[int] = Counter()

    def read_each(self, processes: Sequence[Since], what: What, most: int) -> Iterator[bytes | None]:
        """Yield what is asked for of each process."""
        self.asked.update(pid for pid, _ in processes)
        return super().read_each(processes, what, most)


@pytest.fixture
def counting(monkeypatch) -> Counting:
    """Return what reads /proc."""
    counting = Counting()
    monkeypatch.setattr(READING, "reader", counting)
    return counting


@pytest.fixture
def running() -> Iterator[list[int]]:
    """Return processes that wait."""
    with contextlib.ExitStack() as stack:
        command = [sys.executable, "-ISc", "input()"]
        made = [stack.enter_context(subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE)) for n in range(COUNT)]
        yield [process.pid for process in made]
        for process in made:
            process.stdin.write(b"\n")


def fill(descriptor: int) -> None:
    """Fill the map of processes with such as there are none."""
    maps, numbers = Maps(Library()), itertools.count(NOBODY)
    while maps.add(descriptor, next(numbers).to_bytes(4, sys.byteorder), bytes(record.KEPT.size)) is not Added.NO_ROOM:
        pass


def test_there_is_no_room(machine, counting, running, monkeypatch):
    """Where the kernel has room for fewer processes than run, all are read, and none of them again."""
    loader = Loader({})
    loader.open(ask(parse({}), PLAN))
    fill(loader.descriptors[PROBE][MAPS.index("processes")])
    handed.INHERITED.update({name: tuple(map(os.dup, those)) for name, those in loader.descriptors.items()})
    driver = ModernEbpf({})
    monkeypatch.setattr(driver, "_wait_for_all", lambda reader: None)  # nobody goes on with loading
    try:
        driver.open(PLAN)
        known = [driver.processes.processes[pid].image.argv[-1] for pid in running]
    finally:
        driver.close()
        loader.close()
        handed.INHERITED.clear()

    assert [str(number) for number in range(COUNT)] == known
    assert [1] * COUNT == [counting.asked[pid] for pid in running]


def test_few_are_in_memory(watched, counting, running, monkeypatch):
    """The first processes are read before the last ones are listed, so that their records are not all in memory."""
    monkeypatch.setattr(decoding, "_LISTED_AT_ONCE", 8)
    listed = 0
    asked: list[int] = []

    def records() -> Iterator[bytes]:
        nonlocal listed
        for one in watched.driver.tasks_listed():
            asked.append(counting.asked.total())
            listed += 1
            yield one

    table = LiveProcesses()
    found = Decoder(Context(table, Users()), table).list_tasks(records(), all_processes=True)

    assert listed == len(found)
    assert {*running} <= {*found}
    assert all(number - before <= 8 for number, before in enumerate(asked))

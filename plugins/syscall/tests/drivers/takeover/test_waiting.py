"""Events that occur all the time are collected when filters know the processes that were running, and not before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from falcohost import Plan, handed
from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.typecheck import check
from falcohost.kept import LoadAgain
from falcohost.lang.parser import parse
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf import config
from falcohost_syscall.drivers.modern_ebpf.asked import ask
from falcohost_syscall.drivers.modern_ebpf.driver import ModernEbpf
from falcohost_syscall.drivers.modern_ebpf.loader import Loader
from falcohost_syscall.fields.rows import FIELDS

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
#: A program that waits a thousand times a second.
WAITING = "import time\nwhile True: time.sleep(0.001)"


def plan(condition: str) -> Plan:
    """Return the plan for one rule."""
    expr = check(parse(condition), CATALOG).expr
    fields = frozenset(ref.field.name for ref in ir.fields(expr))
    return Plan("syscall", frozenset({"switch"}), fields, condition=expr)


@pytest.fixture(scope="module")
def waiting() -> Iterator[int]:
    """Return the pid of a process that another one replaces on its processor again and again."""
    process = subprocess.Popen([sys.executable, "-IS", "-c", WAITING])
    yield process.pid
    process.kill()
    process.wait()


def switches(pid: int) -> int:
    """Return how often the process has waited."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("voluntary_ctxt")).split()[1])


def goes_on(pid: int, count: int = 100) -> None:
    """Return when the process has waited *count* times more."""
    goal = switches(pid) + count
    wait_until(lambda: switches(pid) >= goal)


@pytest.fixture
def loaded(bpf: object) -> Iterator[Callable[[Plan], Loader]]:
    """Return a function that loads the probe for a plan, as a process of its own would."""
    loaders = []

    def loaded(plan: Plan) -> Loader:
        loaders.append(loader := Loader({}))
        loader.open(ask(config.parse({}), plan))
        return loader

    yield loaded
    for loader in loaders:
        loader.close()


@pytest.fixture
def opened(loaded: Callable[[Plan], Loader], waiting: int) -> Iterator[Callable[[str], ModernEbpf]]:
    """Return a function that opens a driver for a rule, beside its loader, long after that has loaded the probe."""
    drivers, end = [], threading.Event()

    def opened(condition: str) -> ModernEbpf:
        asked = plan(condition)
        loader = loaded(asked)
        goes_on(waiting)
        handed.INHERITED.update({name: tuple(map(os.dup, those)) for name, those in loader.descriptors.items()})
        looking = threading.Thread(target=lambda: [loader.look() for _ in iter(lambda: end.wait(loader.pause), True)])
        looking.start()
        drivers.append((driver := ModernEbpf({}), looking))
        driver.open(asked)
        return driver

    yield opened
    end.set()
    for driver, looking in drivers:
        looking.join()
        driver.close()
    handed.INHERITED.clear()


def test_nothing_passes_before(opened, waiting):
    """Switches of which no rule wants any do not pass because nothing is known yet of who was running."""
    driver = opened("evt.type = switch and proc.name = nobody-has-it")
    goes_on(waiting)
    found = driver.stats().types["switch"]
    passed = set()
    for batch in islice(driver.batches(), 20):  # others' may pass, of processes that end
        pids = [event.proc.pid for event in batch.events]
        passed.update(pids)
        if not pids:
            break

    assert 100 <= found.filtered
    assert waiting not in passed


def test_all_come_when_it_is_open(opened, waiting):
    """Once the source is open, each switch is told."""
    driver = opened(f"evt.type = switch and proc.name = {Path(f'/proc/{waiting}/comm').read_text().strip()}")
    before = switches(waiting)
    goes_on(waiting)
    found = 0
    for batch in driver.batches():
        found += sum(event.type == "switch" and event.proc.pid == waiting for event in batch.events)
        if found > switches(waiting) - before or found >= 200:
            break

    assert found >= 100


def test_a_loader_that_ends_before(loaded):
    """What a loader has left that was still waiting is not taken for all that the rules ask for."""
    asked = plan("evt.type = switch")
    former = loaded(asked)
    former.hand_up()
    kept, held = dict(handed.KEPT), dict(handed.HELD)
    handed.KEPT.clear()
    handed.HELD.clear()
    copies = [{name: tuple(map(os.dup, those)) for name, those in one.items()} for one in (kept, held)]
    handed.inherit(*copies)
    try:
        successor = loaded(asked)

        with pytest.raises(LoadAgain, match="not collecting all yet"):
            successor.look()
    finally:
        handed.INHERITED.clear()
        handed.HELD_BEFORE.clear()

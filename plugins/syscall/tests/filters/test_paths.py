"""Paths of calls that leave no descriptor: what they led to is told, and filters let all through that match."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import random_events
from names_workload import FILES, FOLDERS, LINKS
from paths_workload import CALLS
from random_cases import for_random_cases

from falcohost.engine.code.module import compile_condition
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost.testing import skip_or_fail
from falcohost_syscall.calls.rows import EXIT
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import PID, RET
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.source import SyscallSource

#: Calls of one run of the workload: under one condition, and where only truth is asked for.
EACH, MANY = 100, 500
TYPES = sorted(name for name, *_ in CALLS)
WORKLOAD = Path(__file__).parent / "paths_workload.py"
ALL = f"evt.type in ({', '.join(TYPES)}) and group.gid = 54321"
#: How Falco's rules name the paths of these types.
FIRST = ("evt.arg.path", "evt.arg.oldpath", "evt.arg.linkpath", "evt.arg.filename", "fs.path.name", "fs.path.source")
SECOND = ("evt.arg.newpath", "fs.path.target")


def expression(text: str):
    """Return the condition *text*."""
    return check(parse(text), random_events.CATALOG).expr


class Watcher:
    """A source that stays open, and is told of one condition after the other."""

    def __init__(self) -> None:
        self.source = SyscallSource({})
        self.source.open(self._plan(ALL), None)
        self._batches = self.source.batches()

    @staticmethod
    def _plan(told: str) -> Plan:
        wanted = expression(f"evt.type = {EXIT} or ({told})")
        return Plan("syscall", frozenset({*TYPES, EXIT}), condition=wanted)

    def tell(self, told: str) -> None:
        """Want the events that match the condition *told* from now on."""
        self.source.update(self._plan(told))

    def events(self, pid: int) -> list[SyscallEvent]:
        """Return the calls of a process that has ended."""
        found: list[SyscallEvent] = []
        for batch in self._batches:
            for event in batch.events:
                if event.h[PID] == pid and event.type == EXIT:
                    return found
                if event.h[PID] == pid:
                    found.append(event)
        raise AssertionError("the source has ended")

    def close(self) -> None:
        """Close the source."""
        self.source.close()


@pytest.fixture(scope="module")
def count(soak) -> int:
    """Return how many calls each test makes."""
    return soak(100_000, 1000)


@pytest.fixture(scope="module")
def watchers(bpf) -> Iterator[tuple[Watcher, Watcher]]:
    """Return two of them."""
    with contextlib.closing(Watcher()) as one, contextlib.closing(Watcher()) as other:
        yield one, other


def run(random: Random, top: Path, count: int) -> tuple[int, list[list]]:
    """Run the workload to its end; return its number and what it says of its calls."""
    command = [sys.executable, str(WORKLOAD), str(random.random()), str(count), str(top)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return process.pid, [json.loads(line) for line in printed.splitlines()]


def names(event: SyscallEvent) -> list[tuple[str | None, str | None]]:
    """Return the event's paths under each name."""
    return [(view.abspath, view.abspath2) for view in (event, *event.alternatives)]


def some_path(what: str) -> str:
    """Return that a path of the event, whatever rules call it, is so."""
    return " or ".join(f"{name} {what}" for name in (*FIRST, *SECOND))


def some_condition(random: Random, top: str) -> str:
    """Return a condition on the workload's paths."""
    tops = (top, f"{top}.bound", "", "/c")
    paths = ", ".join(
        f"{random.choice(tops)}/{name}" for name in random.choices((*FILES, *FOLDERS, *LINKS, "none"), k=8)
    )
    below = random.choice((*tops, f"{top}/a", f"{top}/b"))
    inside = f"startswith '{below}/'"
    some = random.choice(
        (
            some_path(f"in ({paths})"),
            f"({some_path(inside)}) and not {random.choice(FIRST)} endswith /f",
            f"({some_path('contains /a/')}) and not {random.choice(FIRST)} startswith '{below}/'",
            f"{random.choice(FIRST)} in ({paths}) or {random.choice(SECOND)} startswith '{below}/'",
            f"{random.choice(SECOND)} startswith '{below}/' and not {random.choice(FIRST)} startswith '{below}/a/'",
            f"not {random.choice(FIRST)} contains f and ({some_path('endswith c')})",
            f"evt.abspath in ({paths}) or evt.abspath.dst startswith '{below}/'",
            f"fs.path.name exists and not fs.path.name startswith '{below}/'",
            "fd.nameraw in (a/f, f, l/c/f, a, none)",
        )
    )
    return f"{ALL} and ({some})"


def test_the_same_events_match(watchers, tmp_path, count):
    """A path that matches under one of its names passes the filters, whether or not the kernel shows its file."""
    unfiltered, filtered = watchers
    numbers: Counter[str] = Counter()

    def condition(random: Random) -> None:
        numbers["conditions"] += 1
        top = tmp_path / str(numbers["conditions"])
        text = some_condition(random, str(top))
        matches = compile_condition(expression(text))
        filtered.tell(text)
        pid, _ = run(random, top, EACH)
        everything, left = unfiltered.events(pid), filtered.events(pid)
        expected, got = (
            [(e.type, names(e), e.h[RET]) for e in events if any(map(matches, (e, *e.alternatives)))]
            for events in (everything, left)
        )

        assert expected == got, text
        numbers.update(matched=len(expected), seen=len(everything), passed=len(left))

    for_random_cases(count // EACH, condition)
    print(numbers)
    assert numbers["matched"] > 0
    assert numbers["passed"] < numbers["seen"]


def test_what_paths_lead_to(watchers, tmp_path, count):
    """Where the kernel has hooks, each call that succeeds tells what its paths led to, however they were spelled."""
    watcher = watchers[0]
    numbers: Counter[str] = Counter()
    if not watcher.source.driver.probe.hooks:
        skip_or_fail("hooks", "the kernel lets no programs stand at its functions, so it tells no real names of paths")

    def workload(random: Random) -> None:
        numbers["workloads"] += 1
        pid, truths = run(random, tmp_path / str(numbers["workloads"]), MANY)
        events = watcher.events(pid)[-len(truths) :]  # without those that the workload begins with

        assert [truth[:2] for truth in truths] == [[event.type, event.h[RET]] for event in events]
        for (_, result, *paths), event in zip(truths, events, strict=True):
            assert event.reached or result < 0, event
            if event.reached and "" not in paths[: 1 + (event.path2 is not None)]:
                assert paths == [event.abspath, event.abspath2 or ""], event
                numbers["told"] += 1
            numbers["failed before the hook"] += result < 0 and not event.reached

    for_random_cases(count // MANY, workload)
    print(numbers)
    assert numbers["told"] > count / 10

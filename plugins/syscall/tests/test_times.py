"""Times of events and processes, where clocks are others: in time namespaces, and after the time of day was set."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcohost.events import Plan
from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.drivers.modern_ebpf.reader import Reader
from falcohost_syscall.processes.boot_clock import boot_time

MAKES = Plan("syscall", event_types=frozenset({"mkdir", "mkdirat"}))
HOUR = 3600 * 10**9
#: Of all differences between when an event was and when it is said to have been, in nanoseconds.
CLOSE = 2 * 10**9
OFFSETS = ("--boottime", "200000", "--monotonic", "100000")

#: Prints, in its own time namespace, how far off the time of an event of a child is, and what is said of that child.
AGENT = """
import json, subprocess, sys, time
from falcohost.events import Plan
from falcohost_syscall.processes import procfs
from falcohost_syscall.source import SyscallSource

source = SyscallSource({})
before = subprocess.Popen(["sleep", "600"])
source.open(Plan("syscall", event_types=frozenset({"mkdir", "mkdirat"})), None)
script = f"import os; os.mkdir({sys.argv[1]!r}); input()"
child = subprocess.Popen([sys.executable, "-ISc", script], stdin=subprocess.PIPE)
end = time.monotonic() + float(sys.argv[2])
found = {}
for batch in source.batches():
    for event in batch.events:
        if event.pid == child.pid:
            age = time.time_ns() - (event.start + event.ctx.boot)
            same = procfs.same(event.pid, event.start)
            older = event.ctx.table.processes.get(before.pid) or event.ctx.table.by_number(before.pid)
            found = {"off": time.time_ns() - event.ts, "age": age, "same": same, "older": older.start // 10**9}
    if found or time.monotonic() > end:
        break
source.close()
child.communicate(b"\\n")
before.kill()
before.wait()
print(json.dumps(found))
"""


@pytest.fixture
def unshare():
    """Return the command that runs another in a new time namespace."""
    tool = shutil.which("unshare")
    if tool is None or not Path("/proc/self/ns/time").exists():
        skip_or_fail("bpf", "no unshare(1), or a kernel without time namespaces")
    return (tool, "--time", *OFFSETS, "--fork")


def event_of(source, pid):
    """Return the first event of a process."""
    end = time.monotonic() + PATIENCE
    for batch in source.batches():
        for event in batch.events:
            if event.pid == pid:
                return event
        assert time.monotonic() < end, "there was no event"
    raise AssertionError("the source ended")


def test_process_in_a_time_namespace(sources, unshare, tmp_path):
    """An event of a process in a time namespace has the time of day."""
    source = sources.open(MAKES, {})
    made = subprocess.Popen([*unshare[:-1], "mkdir", tmp_path / "made"])
    made.wait()
    event = event_of(source, made.pid)

    assert abs(time.time_ns() - event.ts) < CLOSE
    assert 0 <= event.ts - (event.start + event.ctx.boot) < CLOSE


def test_agent_in_a_time_namespace(bpf, unshare, tmp_path):
    """An agent in a time namespace tells the time of day, and finds processes again by when they started."""
    command = [*unshare, sys.executable, "-c", AGENT, tmp_path / "made", str(PATIENCE)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, check=True)
    told = json.loads(ran.stdout)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)

    assert abs(told["off"]) < CLOSE
    assert 0 <= told["age"] < CLOSE
    assert told["same"]
    assert 0 <= now - told["older"] < 4 * PATIENCE


def test_time_of_day_was_set(sources, tmp_path):
    """After the time of day was set, events have the new one."""
    source = sources.open(MAKES, {})
    source.driver.context.boot -= HOUR  # as if it had been an hour earlier until now
    made = subprocess.Popen(["mkdir", tmp_path / "made"])
    made.wait()
    event = event_of(source, made.pid)

    assert abs(time.time_ns() - event.ts) < CLOSE


def test_time_of_day_is_set_while_it_reads(sources, tmp_path, monkeypatch):
    """Also what is read in the same turn has the new time of day, wherever in the turn it was set."""
    read = Reader.read

    def set_before(reader, *arguments):
        source.driver.context.boot -= HOUR  # as if it had been an hour earlier when the turn began
        return read(reader, *arguments)

    source = sources.open(MAKES, {})
    monkeypatch.setattr(Reader, "read", set_before)
    made = subprocess.Popen(["mkdir", tmp_path / "made"])
    made.wait()
    event = event_of(source, made.pid)

    assert abs(time.time_ns() - event.ts) < CLOSE


def test_boot_time_stays():
    """The known boot time stays the same, to the nanosecond, while the time of day is not set."""
    known = boot_time()

    assert {known} == {boot_time(known) for _ in range(1000)}
    assert abs(boot_time(known + HOUR) - known) < CLOSE

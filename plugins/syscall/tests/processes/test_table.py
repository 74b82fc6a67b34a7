"""The process table, fed with records made by hand."""

from __future__ import annotations

import gc
import weakref

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost_syscall.drivers.modern_ebpf.decoding.decoder import Decoder
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.table import Image, Process, ProcessTable

INIT = Task(1, start=1, ppid=0, comm=b"init")
#: Numbers that no process of this machine has, so that /proc is silent about them.
BASH, CHILD, GRANDCHILD = (Task(pid, start=pid, comm=b"bash") for pid in (5_000_001, 5_000_002, 5_000_003))


@pytest.fixture
def decoder():
    """Return a decoder to be fed by hand."""
    return handmade.decoder("execve", "procexit", "openat")


@pytest.fixture
def feed(decoder):
    """Return a function that takes records and returns the events."""
    events = decoder.events([handmade.call("openat", INIT, -2), handmade.call("openat", BASH, -2)])
    assert len(list(events)) == 2
    return lambda *records: list(decoder.events(list(records)))


def process(decoder: Decoder, task: Task) -> Process:
    """Return the table's entry."""
    return decoder.context.table.processes[task.pid]


def child_of(parent: Task, pid: int) -> Task:
    """Return a new task below *parent*."""
    return Task(pid, start=pid, ppid=parent.pid, comm=parent.comm)


def test_child_has_parent_and_its_program(decoder, feed):
    """A forked process runs what its parent runs, under its parent's name."""
    feed(handmade.execution(BASH, b"/bin/bash", (b"bash", b"-l")), handmade.fork(BASH, child_of(BASH, CHILD.pid)))

    child = process(decoder, CHILD)
    assert child.up() is process(decoder, BASH)
    assert (child.comm, child.image.exepath, child.image.argv) == ("bash", "/bin/bash", ("bash", "-l"))


def test_exec_changes_the_process_alone(decoder, feed):
    """An exec changes the process that did it, and not the one it was forked from."""
    child = child_of(BASH, CHILD.pid)
    feed(
        handmade.execution(BASH, b"/bin/bash", (b"bash",)),
        handmade.fork(BASH, child),
        handmade.execution(child.named(b"cat"), b"/bin/cat", (b"cat", b"/etc/shadow")),
    )

    assert (process(decoder, child).comm, process(decoder, child).image.argv) == ("cat", ("cat", "/etc/shadow"))
    assert process(decoder, BASH).image.exepath == "/bin/bash"


def test_orphan_goes_to_the_reaper(decoder, feed):
    """When a process ends, its children's parent is who the kernel gives them to."""
    child, grandchild = child_of(BASH, CHILD.pid), child_of(CHILD, GRANDCHILD.pid)
    feed(handmade.fork(BASH, child), handmade.fork(child, grandchild), handmade.end(child, reaper=1))

    orphan = process(decoder, grandchild)
    assert orphan.up() is process(decoder, INIT)
    assert orphan.ppid == 1


def test_ended_process_keeps_its_ancestors(decoder, feed):
    """In the event of its end a process still has its parent."""
    child = child_of(BASH, CHILD.pid)
    (event,) = feed(handmade.fork(BASH, child), handmade.end(child))

    assert event.type == "procexit"
    assert [ancestor.pid for ancestor in event.proc.ancestors()] == [BASH.pid, 1]


def test_row_of_processes_leaves_nothing(decoder, feed):
    """A process that forks itself on and ends, again and again, does not pile up."""
    first = child_of(BASH, CHILD.pid)
    feed(handmade.fork(BASH, first))
    dead = weakref.WeakSet()
    task = first
    for number in range(1000):
        image = process(decoder, task).image
        following = child_of(task, CHILD.pid + 1 + number)
        feed(handmade.fork(task, following), handmade.end(task, reaper=BASH.pid))
        task = following
    chain, above = 0, process(decoder, task).parent
    while above is not None and not above.alive:
        chain, above = chain + 1, above.parent

    gc.collect()
    assert image is process(decoder, task).image
    assert len(dead) == 0
    assert chain <= 1
    assert len(decoder.context.table) == 3


def test_number_used_again_is_another_process(decoder, feed):
    """A pid whose start time differs is not the process that had it before."""
    feed(handmade.execution(BASH, b"/bin/bash", (b"bash",)))
    again = Task(BASH.pid, start=BASH.start + 1, comm=b"other")
    (event,) = feed(handmade.call("openat", again, -2))

    assert (event.proc.comm, event.proc.image.exepath) == ("other", "")
    assert decoder.context.table.unknown == 3


def test_parent_in_a_header_corrects_the_table(decoder, feed):
    """A process whose new parent was not told of is put below the parent that its next event names."""
    child = child_of(BASH, CHILD.pid)
    feed(handmade.fork(BASH, child))
    feed(handmade.call("openat", Task(child.pid, start=child.start, ppid=1), -2))

    assert process(decoder, child).up() is process(decoder, INIT)


def test_fork_seen_twice_is_one_process(decoder, feed):
    """A process that the task iterator reported before its fork record was read stays one process."""
    child = child_of(BASH, CHILD.pid)
    feed(handmade.fork(BASH, child))
    before = process(decoder, child)
    feed(handmade.fork(BASH, child))

    assert process(decoder, child) is before


def test_table_is_bounded():
    """Beyond its limit the table drops the oldest entries, and counts them."""
    table = LiveProcesses(limit=10)
    for pid in range(5_000_001, 5_000_031):
        table.find(pid, pid, 0, pid, "x", 0)

    assert len(table) <= 10
    assert len(table) + table.dropped >= 10


def test_a_flood_of_processes_pushes_out_its_own():
    """Beyond the limit, those are dropped whose cgroup has the most: a service that is older than all stays."""
    table = ProcessTable(limit=1000)
    image = Image(b"x", b"", b"/x")
    for pid in range(100):
        table.add(Process(pid, 0, pid, pid, "old", 1, image))
    for pid in range(100, 5000):
        table.add(Process(pid, 0, pid, pid, "flood", 2, image))

    assert [*range(100)] == [pid for pid, one in table.processes.items() if one.cgroup == 1]
    assert len(table) <= 1000
    assert (5000, 4999) == (len(table) + table.dropped, [*table.processes][-1])

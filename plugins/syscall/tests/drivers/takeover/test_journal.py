"""The journal, and the tables in it: another process makes the same of it."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc

import msgspec
import pytest

from falcohost import lasting
from falcohost.lasting import Memory
from falcohost_syscall.drivers.modern_ebpf.rings import Position
from falcohost_syscall.drivers.modern_ebpf.takeover.journal import GROWTH, GROWTH_EACH, Journal, Left, Reached
from falcohost_syscall.drivers.modern_ebpf.takeover.progress import Progress
from falcohost_syscall.drivers.modern_ebpf.takeover.snapshot import restore, tables
from falcohost_syscall.events.event import Context
from falcohost_syscall.events.sockets import CLIENT, SERVER, Endpoint
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.table import Image, Process
from falcohost_syscall.processes.users import Users

HALF = 8 << 20


@pytest.fixture
def descriptor():
    """Return the descriptor of new memory."""
    descriptor = lasting.make("test", HALF)
    yield descriptor
    os.close(descriptor)


def at(number: int) -> Position:
    """Return a position."""
    return Position(number, number, number, number)


def empty() -> Context:
    """Return tables with nothing in them."""
    return Context(LiveProcesses(), Users())


def filled(seed: int, count: int = 50) -> Context:
    """Return tables with some processes, of which some have ended, and other things."""
    dice, context = random.Random(seed), empty()
    table, every = context.table, []
    for pid in range(1, count + 1):
        parent = dice.choice(every) if every else None
        image = Image(
            b"a\0b\0" * dice.randrange(9), dice.choice((None, b"A=1\0")), b"/bin/x%d" % pid, dice.randrange(99)
        )
        image.caps, image.privileged = dice.choice((None, (1, 2))), dice.choice((None, True, False))
        image.ino = dice.randrange(1 << 40)
        shared = parent.image if parent is not None and dice.random() < 0.5 else image
        process = Process(
            pid, parent.pid if parent else 0, pid, dice.randrange(1 << 50), f"c\udcff{pid}"[:0] or f"c{pid}", 7, shared
        )
        process.cwd, process.session = dice.choice((None, "/tmp")), (1, 2, 3, 4, pid)
        table.add(process)
        every.append(process)
    for process in dice.sample(every, count // 3):
        table.exit(process, 1)
    context.containers.learn(7, ["=/docker/" + "a" * 64, "cpu=/x"])
    context.sockets.note(5, CLIENT)
    context.sockets.note(6, SERVER)
    context.sockets.moved(5, Endpoint(b"\x7f\0\0\1", 80))
    context.boot, context.first = 123456789, dice.choice((None, 5))
    return context


def shown(context: Context) -> object:
    """Return all that events read from tables."""
    processes = {
        pid: [
            (one.pid, one.start, one.comm, one.argv(), one.image.exepath, one.image.caps, one.cwd, one.session)
            for one in (process, *process.ancestors())
        ]
        for pid, process in context.table.processes.items()
    }
    containers = context.containers.get(7), context.containers.cgroups(7)
    return processes, containers, context.sockets.known(), context.boot, context.first


@pytest.mark.parametrize("seed", range(10))
def test_the_same_tables(descriptor, seed):
    """Processes, their ancestors that have ended, containers and sockets are what they were."""
    context = filled(seed)
    Journal(Memory(descriptor)).begin(tables(context), Reached(at(1), 7))
    left, again = Journal(Memory(descriptor)).left(), empty()
    restore(left.tables, again)

    assert shown(context) == shown(again)
    assert Reached(at(1), 7) == left.reached
    images = {id(process.image) for process in context.table.processes.values()}
    assert len(images) == len({id(process.image) for process in again.table.processes.values()})


def test_records_since(descriptor):
    """They are there in their order, up to the last position; a journal that nobody has begun is empty."""
    journal = Journal(Memory(descriptor))
    assert (Left(records=[]), False) == (journal.left(), journal.begun)
    journal.begin(tables(empty()), Reached(at(1), 0))
    journal.go_on([b"one", b"two"], Reached(at(2), 5))
    journal.go_on([], Reached(at(3), 6))
    journal.go_on([b"three"], Reached(at(4), 7))
    left = (later := Journal(Memory(descriptor))).left()

    assert [b"one", b"two", b"three"] == left.records
    assert (Reached(at(4), 7), True) == (left.reached, later.begun)


def test_it_begins_anew_when_it_is_long(descriptor):
    """With the tables as they are at the end of a batch, so that it does not grow for ever; nothing is left out."""
    context, released = filled(1), []
    progress = Progress(journal := Journal(Memory(descriptor)), released.append, lambda: tables(context))
    progress.begin(Reached(at(1), 0))
    sizes = []
    for number in range(2, 40):
        step = progress.step(at(number))
        step.records += [bytes(100_000)]
        step.passed = number
        progress.stored(step)
        sizes.append(Memory(descriptor).size)
    left = Journal(Memory(descriptor)).left()

    assert max(sizes) < 2 * GROWTH
    assert sizes != sorted(sizes)
    assert Reached(at(39), 39) == left.reached
    assert [at(number) for number in range(1, 40)] == released
    journal.close()


def test_it_begins_anew_when_much_was_forgotten(descriptor):
    """At once, though it has not grown: what was forgotten would stay in it for a long time."""
    context = filled(1)
    progress = Progress(journal := Journal(Memory(descriptor)), lambda position: None, lambda: tables(context))
    for process in context.table.processes.values():
        process.image.args_raw = bytes(100_000)
    progress.begin(Reached(at(1), 0))
    long = Memory(descriptor).size
    for process in context.table.processes.values():
        process.image.args_raw = b""
    progress.stored(progress.step(at(2)))
    assert Memory(descriptor).size >= long

    progress.renew()
    progress.stored(progress.step(at(3)))
    assert Memory(descriptor).size < long / 10
    assert at(3) == Journal(Memory(descriptor)).left().reached.position
    journal.close()


def test_beginning_anew_takes_few_copies_of_the_tables(descriptor):
    """They may have many MB, and the memory is the worker's own for up to a minute."""
    context = filled(1)
    context.table.processes[1] = Process(1, 0, 1, 1, "init", 0, Image(bytes(4_000_000), None, b""))
    found, journal = tables(context), Journal(Memory(descriptor))
    tracemalloc.start()
    journal.begin(found, Reached(at(1), 0))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 2 * Memory(descriptor).size
    journal.close()


def with_cgroups(count: int) -> Context:
    """Return tables with so many cgroups, of which one is a container's and one has several lines."""
    context = filled(1)
    for key in range(1000, 1000 + count):
        context.containers.learn(key, [f"=/made/{'x' * 150}/{key}.slice"])
    context.containers.learn(8, ["cpu=/x.slice", "pids=/y.slice"])
    return context


@pytest.mark.parametrize("count", [0, 255, 256, 1000])
def test_all_cgroups_are_in_it(descriptor, count):
    """They are written in pieces, and are all there, in their order, whatever fits into a piece."""
    context, again = with_cgroups(count), empty()
    Journal(Memory(descriptor)).begin(tables(context), Reached(at(1), 7))
    left = Journal(Memory(descriptor)).left()
    restore(left.tables, again)

    assert [*context.containers.known().items()] == [*again.containers.known().items()]
    assert shown(context) == shown(again)
    assert Reached(at(1), 7) == left.reached


def test_a_journal_with_cgroups_in_the_tables(descriptor):
    """An agent that was replaced in place by a newer one may have left it."""
    context, again = with_cgroups(10), empty()
    cgroups = {key: context.containers.cgroups(key) for key in context.containers.known()}
    of_tables = msgspec.msgpack.encode(msgspec.structs.replace(tables(context), cgroups=cgroups))
    Memory(descriptor).replace(struct.pack("=IB", len(of_tables), 0) + of_tables)
    restore(Journal(Memory(descriptor)).left().tables, again)

    assert shown(context) == shown(again)
    assert cgroups == {key: again.containers.cgroups(key) for key in again.containers.known()}


def test_cgroups_without_tables(descriptor):
    """What has them was not written by a worker."""
    Memory(descriptor).replace(struct.pack("=IB", 1, 3) + msgspec.msgpack.encode({}))

    with pytest.raises(ValueError, match="cgroups without tables"):
        Journal(Memory(descriptor)).left()


def test_cgroups_are_written_without_a_copy_of_all(descriptor):
    """Thousands have MB, which the worker would have to have for a moment, each time the journal begins anew."""
    found, journal = tables(with_cgroups(10_000)), Journal(Memory(descriptor))
    tracemalloc.start()
    journal.begin(found, Reached(at(1), 0))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < Memory(descriptor).size / 5
    journal.close()


def grown_by(descriptor: int, context: Context) -> float:
    """Return by how much a journal with these tables has grown when it should begin anew, in bytes."""
    journal = Journal(Memory(descriptor))
    journal.begin(tables(context), Reached(at(1), 0))
    size = Memory(descriptor).size
    while not journal.go_on([bytes(20_000)], Reached(at(2), 1)):
        pass
    grown = Memory(descriptor).size - size
    journal.close()
    return grown


def test_cgroups_that_have_ended_let_it_grow_by_their_own_size_only(descriptor):
    """Thousands of them are in the tables, and writing them costs little: no longer journal is needed."""
    context = filled(1)
    for key in range(15_000):
        context.containers.learn(1000 + key, [f"cpu=/made/{'x' * 150}/{key}"])
    size = len(msgspec.msgpack.encode(tables(context)))

    assert size > GROWTH
    assert size <= grown_by(descriptor, context) < 1.1 * size


def test_many_processes_let_it_grow_by_as_much_for_each(descriptor):
    """Writing the tables takes as long as there are processes in them."""
    context = filled(1, 12_000)
    most = len(tables(context).processes) * GROWTH_EACH

    assert most > GROWTH
    assert most <= grown_by(descriptor, context) < most + 50_000


def test_it_begins_anew_though_something_is_always_on_its_way(descriptor):
    """The tables are those of the end of the batch that is stored, not of later ones."""
    context = filled(1, 5)
    progress = Progress(Journal(Memory(descriptor)), lambda position: None, lambda: tables(context))
    progress.begin(Reached(at(1), 0))
    before, sizes = None, []
    for number in range(2, 60):
        step = progress.step(at(number))  # the one before is not stored yet
        step.records += [bytes(100_000), b"%d" % number]
        step.passed = number
        context.table.add(Process(1000 + number, 1, 1, 1, "late", 0, Image(b"", None, b"")))
        if before is not None:
            progress.stored(before)
        before = step
        sizes.append(Memory(descriptor).size)
        left = Journal(Memory(descriptor)).left()
        told = [int(record) for record in left.records if len(record) < 10]
        tabled = [row.pid - 1000 for row in left.tables.processes if row.pid > 1000]
        assert left.reached.passed == max([1, *told, *tabled]) - (number == 2)
        assert sorted([*told, *tabled]) == [*range(2, max(number, 2))]

    assert max(sizes) < 3 * GROWTH


def test_what_is_behind_what_is_stored(descriptor):
    """Storing one moves behind all before it, each once; hurrying moves behind all that there are."""
    released = []
    progress = Progress(Journal(Memory(descriptor)), released.append, lambda: tables(empty()))
    progress.begin(Reached(at(1), 0))
    steps = [progress.step(at(number)) for number in (2, 3, 4)]
    progress.stored(steps[1])
    progress.stored(steps[0])
    assert [at(1), at(3)] == released
    progress.hurry()
    progress.stored(steps[2])

    assert [at(1), at(3), at(4)] == released


def test_a_mark_moves_with_the_position(descriptor):
    """It is that of the last position that was stored, also where the journal begins anew, or the kernel needs room."""
    marks, progress = [], Progress(Journal(Memory(descriptor)), lambda position: None, lambda: tables(empty()))

    def stored(step, mark):
        progress.mark = mark
        progress.stored(step)
        left = Journal(Memory(descriptor)).left()
        marks.append((left.reached.position, left.reached.mark, left.records))

    progress.begin(Reached(at(1), 0))
    first, second, third, fourth = [progress.step(at(number)) for number in (2, 3, 4, 5)]
    second.tables, third.records[:] = tables(empty()), [b"third"]
    stored(first, 1)
    stored(third, 2)
    progress.hurry()
    left = Journal(Memory(descriptor)).left()
    assert (at(5), 2) == (left.reached.position, left.reached.mark)
    stored(fourth, 3)

    assert [(at(2), 1, []), (at(4), 2, [b"third"]), (at(5), 3, [b"third"])] == marks


def test_readers_that_end_before_they_come_on(descriptor):
    """They are counted, from the moment when they begin to read, until one comes on."""
    for _ in range(3):
        Journal(Memory(descriptor)).try_on()
    Journal(Memory(descriptor))
    journal = Journal(Memory(descriptor))
    assert 3 == journal.attempts
    journal.go_on([], Reached(at(1), 1))

    assert 0 == Journal(Memory(descriptor)).attempts


@pytest.mark.parametrize("seed", range(50))
def test_what_an_attacker_has_written(descriptor, seed):
    """It is refused with an error, or gives tables, and ends nothing."""
    dice = random.Random(seed)
    writer = Memory(descriptor)
    Journal(writer).begin(tables(filled(seed, 8)), Reached(at(1), 7))
    data = bytearray(writer.read())
    for _ in range(dice.randrange(1, 6)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    writer.replace(bytes(data))
    try:
        left = Journal(Memory(descriptor)).left()
        if left.tables is not None:
            restore(left.tables, empty())
    except ValueError:
        pass

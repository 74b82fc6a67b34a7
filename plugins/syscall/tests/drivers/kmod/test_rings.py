"""The rings of the kernel module are read whole, in order of time, and space is given back only when told."""

from __future__ import annotations

import mmap
import random
import struct
import time

import pytest

from falcohost import lasting
from falcohost.lasting import Memory
from falcohost_syscall.drivers.kmod import interface
from falcohost_syscall.drivers.kmod.rings import Ring, Rings
from falcohost_syscall.drivers.kmod.tails import Tails

SIZE = 1 << 14
NEWEST = max(interface.APIS)
LONG_AGO = 1_700_000_000_000_000_000
_HEAD = struct.Struct("=QqIHI")


class Written:
    """A ring as the module writes it: what goes over the end is copied to the begin, and a full ring counts."""

    def __init__(self, cpu: int = 0, size: int = SIZE) -> None:
        self.size = size
        self.data = mmap.mmap(-1, 2 * size)
        self.info = mmap.mmap(-1, mmap.PAGESIZE)
        self.words = memoryview(self.info).cast("I")
        self.counts = memoryview(self.info).cast("Q")
        self.memory = Memory(lasting.make("reached", mmap.PAGESIZE))
        self.ring = self.another(cpu)
        self.tails = Tails([self.info], size)

    def another(self, cpu: int = 0) -> Ring:
        """Return a reader that goes on where the one before has released."""
        return Ring(cpu, memoryview(self.data), memoryview(self.info), NEWEST, self.memory, 1)

    def move(self) -> bool:
        """Give the space back that is released, as the process with the device does."""
        return self.tails.move(self.memory)

    def write(self, ts: int, params: bytes = b"", *, tid: int = 1, code: int = 5, count: int = 0) -> bool:
        """Write an event; return False if there is no room."""
        event = _HEAD.pack(ts, tid, _HEAD.size + len(params), code, count) + params
        head, tail = self.words[0], self.words[1]
        free = (tail - head - 1) % self.size
        self.counts[1] += 1
        if free < len(event):
            self.counts[2] += 1
            return False
        for at, byte in enumerate(event, head):
            self.data[at % self.size] = self.data[at % self.size + self.size] = byte
        self.words[0] = (head + len(event)) % self.size
        return True


def shown(events: list[tuple[object, ...]]) -> list[tuple[int, int, bytes]]:
    """Return time, processor and parameters of events."""
    return [(ts, cpu, data[begin:end]) for ts, cpu, _, _, data, begin, end, _ in events]


def test_events_of_all_processors_are_in_order_of_time():
    """The events of two rings come as one row, by their times."""
    rings = [Written(0), Written(3)]
    for at, place in enumerate((0, 1, 1, 0, 1, 0)):
        rings[place].write(LONG_AGO + at, bytes([at]))

    found = Rings([one.ring for one in rings]).events()
    assert [(LONG_AGO + at, (0, 3)[place], bytes([at])) for at, place in enumerate((0, 1, 1, 0, 1, 0))] == shown(found)


def test_what_may_have_company_waits():
    """An event of this moment waits, since another processor may not have written what was before it; not for long."""
    rings = [Written(0), Written(1)]
    reader = Rings([one.ring for one in rings])
    rings[0].write(time.time_ns() + 20_000_000, b"late")

    assert [] == reader.events()
    rings[1].write(LONG_AGO, b"early")
    assert [b"early"] == [params for _, _, params in shown(reader.events())]
    time.sleep(0.03)
    assert [b"late"] == [params for _, _, params in shown(reader.events())]


def test_a_clock_that_was_set_back_delays_nothing():
    """Events that seem to be of a later hour are passed on, as after somebody has set the clock back."""
    rings = [Written(0), Written(1)]
    rings[0].write(time.time_ns() + 3600 * 10**9, b"ahead")

    assert [b"ahead"] == [params for _, _, params in shown(Rings([one.ring for one in rings]).events())]


def test_space_is_given_back_only_when_told():
    """A ring fills up while what was read is not released, and its losses are counted."""
    written = Written()
    reader = Rings([written.ring])
    while written.write(LONG_AGO, bytes(1000)):
        pass
    assert reader.events()
    assert not written.write(LONG_AGO, bytes(1000))
    assert reader.held > 0.9

    reader.release(reader.position)
    assert not written.write(LONG_AGO, bytes(1000))
    assert written.move()
    assert (0, True) == (reader.held, written.write(LONG_AGO, bytes(1000)))
    assert 3 == reader.counts()[interface.FULL]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_or_doubled(seed):
    """However writing, reading and releasing follow one another, the events that had room are read once, in order."""
    rand = random.Random(seed)
    rings = [Written(cpu, 1 << rand.choice((12, 13, 16))) for cpu in range(rand.randint(1, 4))]
    reader = Rings([one.ring for one in rings])
    positions, wrote, read = [], [], []
    for number in range(2000):
        params = number.to_bytes(4, "little") + rand.randbytes(rand.choice((0, 7, 100, 900)))
        if rand.choice(rings).write(LONG_AGO + number, params):
            wrote.append(params)
        if rand.random() < 0.1:
            read += [params for _, _, params in shown(reader.events())]
            positions.append(reader.position)
        if positions and rand.random() < 0.1:
            reader.release(positions.pop(rand.randrange(len(positions))))
        if rand.random() < 0.2:
            assert {True} == {one.move() for one in rings}
    read += [params for _, _, params in shown(reader.events())]

    assert wrote == read
    assert 0 == reader.corrupt
    assert sum(one.counts[2] for one in rings) == 2000 - len(wrote)


@pytest.mark.parametrize("length", [0, 25, 1 << 31])
def test_what_is_no_event_is_passed_over(length):
    """A size that cannot be costs what is in the ring at that moment, and is counted."""
    written = Written()
    reader = Rings([written.ring])
    written.write(LONG_AGO, b"good")
    written.write(LONG_AGO, b"bad")
    struct.pack_into("=I", written.data, _HEAD.size + 4 + 16, length)

    assert [b"good"] == [params for _, _, params in shown(reader.events())]
    assert 1 == reader.corrupt
    written.write(LONG_AGO, b"next")
    assert [b"next"] == [params for _, _, params in shown(reader.events())]


def test_a_head_out_of_the_ring_is_read_as_one_in_it():
    """A head that cannot be leads to no byte outside of the ring."""
    written = Written()
    written.words[0] = 0xFFFFFFF0

    Rings([written.ring]).events()
    assert 1 == written.ring.corrupt


def test_another_reader_goes_on_at_the_tail():
    """A ring that a former reader has left is read from what it has not released."""
    written = Written()
    written.write(LONG_AGO, b"told")
    first = Rings([written.ring])
    first.events()
    first.release(first.position)
    written.write(LONG_AGO, b"new")

    second = Rings([written.another()])
    assert [b"new"] == [params for _, _, params in shown(second.events())]


@pytest.mark.parametrize("to", [SIZE, SIZE + 26, 1 << 40, 500, SIZE - 1])
def test_a_reader_that_lies_moves_nothing(to):
    """A tail outside of the ring, or beyond what is written, is refused, and the module's stays."""
    written = Written()
    for number in range(10):
        written.write(LONG_AGO + number)
    written.memory.set_word(1, to)

    assert (False, 0) == (written.move(), written.words[1])
    written.memory.set_word(1, 26)
    assert (True, 26) == (written.move(), written.words[1])

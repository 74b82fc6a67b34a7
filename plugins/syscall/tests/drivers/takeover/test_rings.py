"""Reading two rings in pieces, by several readers one after the other: each record once, in an order that holds."""

from __future__ import annotations

import mmap
import os
import random
import struct

import pytest

from falcohost_syscall.drivers.modern_ebpf.rings import Position, Rings

SIZE = 1 << 16
PAGE = mmap.PAGESIZE


class PlayedRing:
    """The memory of a ring that the test writes as the kernel does."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("ring")
        os.ftruncate(self.descriptor, 2 * PAGE + 2 * SIZE)
        self._map = mmap.mmap(self.descriptor, 2 * PAGE + 2 * SIZE)
        self.produced = 0

    def write(self, data: bytes) -> None:
        """Add a record, whose length is a multiple of eight."""
        self._map[2 * PAGE + self.produced : 2 * PAGE + self.produced + 8] = struct.pack("=II", len(data), 0)
        self._map[2 * PAGE + self.produced + 8 : 2 * PAGE + self.produced + 8 + len(data)] = data
        self.produced += 8 + len(data)
        self._map[PAGE : PAGE + 8] = struct.pack("=Q", self.produced)

    @property
    def consumed(self) -> int:
        """Return the position up to which the reader has given space back."""
        return struct.unpack_from("=Q", self._map)[0]


@pytest.fixture
def played(monkeypatch):
    """Return the rings of calls and of processes; a file in memory cannot be waited for as a ring can."""
    monkeypatch.setattr("select.epoll", lambda: type("Epoll", (), {"register": id_, "close": id_})())
    return PlayedRing(), PlayedRing()


def id_(*_: object) -> None:
    """Do nothing."""


def record(time: int, number: int) -> bytes:
    """Return a record."""
    return struct.pack("=QQ", time, number)


@pytest.mark.parametrize("seed", range(20))
def test_readers_in_turn(played, seed):
    """Whatever moment a reader ends at, the next one returns what it has not moved behind, and nothing else twice."""
    dice = random.Random(seed)
    calls, processes = played
    written, returned, number, now = set(), [], 0, 100
    position = Position()
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE), position)
    for _ in range(60):
        for _ in range(dice.randrange(8)):
            now += dice.randrange(3)
            time = now - dice.randrange(6)  # processors are not exactly in turn
            dice.choice((calls, processes)).write(record(time, number))
            written.add(number)
            number += 1
        batch = rings.read(limit=dice.randrange(1, 6))
        if dice.random() < 0.3:  # the reader ends before it has moved on
            rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE), position)
            continue
        returned += batch
        position = rings.position
        if dice.random() < 0.7:
            rings.release(position)
        if dice.random() < 0.3:  # and here after that
            rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE), position)
    while not rings.has_read((calls.produced, processes.produced)):
        returned += rings.read()
    numbers = [struct.unpack("=QQ", one)[1] for one in returned]

    assert sorted(numbers) == sorted(written)


def test_calls_that_are_not_in_order_of_time(played):
    """What is told of a process comes before its call, also if a call behind that, of another processor, is older."""
    calls, processes = played
    for time in (99, 94):
        processes.write(record(time, time))
    for time in (100, 95, 101):
        calls.write(record(time, time))
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))

    assert [94, 95, 99, 100] == [struct.unpack("=QQ", one)[1] for one in rings.read(limit=2)]


def test_space_is_given_back_when_asked(played):
    """Until then the kernel sees nothing as read."""
    calls, processes = played
    calls.write(record(1, 1))
    processes.write(record(1, 2))
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))
    assert 2 == len(rings.read())
    assert (0, 0) == (calls.consumed, processes.consumed)
    assert rings.held > 0
    rings.release(rings.position)

    assert (calls.produced, processes.produced) == (calls.consumed, processes.consumed)
    assert 0 == rings.held


@pytest.mark.parametrize("position", [Position(1 << 60, 1 << 60, 1 << 60, 1 << 60), Position(3, 5, 7, 9)])
def test_a_position_that_cannot_be(played, position):
    """A reader that is told of one reads what there is, or nothing, but nothing beyond the ring."""
    calls, processes = played
    for number in range(5):
        calls.write(record(number, number))
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE), position)

    assert all(len(one) < SIZE for one in rings.read())


def test_nothing_to_read(played):
    """Rings without anything new are complete up to now; a record, or a position that somebody moves, is to be read."""
    calls, processes = played
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))
    before = rings.complete

    assert rings.is_empty()
    assert before < rings.complete
    for ring in played:
        ring.write(record(1, 1))
        complete = rings.complete

        assert not rings.is_empty()
        assert complete == rings.complete
        rings.read()

        assert rings.is_empty()
    os.pwrite(calls.descriptor, struct.pack("=Q", 8), 0)

    assert not rings.is_empty()

"""Reading two rings in pieces, by several readers one after the other: each record once, in an order that holds."""

from __future__ import annotations

import mmap
import os
import random
import struct
from collections.abc import Callable
from typing import ClassVar

import pytest

from falcohost.agent import TamperedError
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


class PlayedEpoll:
    """Notes for how long a reader would sleep; what *meanwhile* does, happens then."""

    slept: ClassVar[list[float]] = []
    meanwhile: ClassVar[Callable[[], object]]

    def register(self, *_: object) -> None:
        """Do nothing."""

    def poll(self, timeout: float) -> None:
        """Do what happens meanwhile."""
        self.slept.append(round(timeout, 3))
        type(self).meanwhile()

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def slept(monkeypatch):
    """Return a list of how long readers would have slept."""
    monkeypatch.setattr(PlayedEpoll, "slept", found := [])
    monkeypatch.setattr(PlayedEpoll, "meanwhile", id_, raising=False)
    return found


@pytest.fixture
def played(monkeypatch):
    """Return the rings of calls and of processes; a file in memory cannot be waited for as a ring can."""
    monkeypatch.setattr("select.epoll", PlayedEpoll)
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
    while not rings.have_read((calls.produced, processes.produced)):
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


def asking(*rings: PlayedRing) -> list[bool]:
    """Return for each of the rings whether its reader has asked to be woken."""
    return [ring.consumed % 8 == 7 for ring in rings]


def test_who_sleeps_asks_to_be_woken(played, slept):
    """The first sleep is short, for a record of just before; a record ends the question, giving space back does not."""
    calls, processes = played
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))
    rings.wait_for_next(0.05, 0.5)
    rings.wait_for_next(0.05, 0.4)

    assert [0.05, 0.4] == slept
    assert [True, True] == asking(*played)
    assert (1 << 64) - 1 == calls.consumed  # nothing was read, so less than nothing
    assert rings.is_empty()
    assert [] == rings.read()
    assert rings.asked
    assert [True, True] == asking(*played)
    processes.write(record(1, 1))

    assert not rings.is_empty()
    assert [record(1, 1)] == rings.read()
    assert not rings.asked
    assert [False, False] == asking(*played)
    assert (0, 0) == (calls.consumed, processes.consumed)
    rings.wait_for_next(0.05, 0.5)
    rings.release(rings.position)

    assert [True, True] == asking(*played)
    assert processes.produced - 1 == processes.consumed
    assert 0 == rings.held
    assert rings.is_empty()
    rings.close()

    assert [False, False] == asking(*played)


@pytest.mark.parametrize("which", [0, 1])
def test_a_record_of_just_before_it_sleeps(played, slept, monkeypatch, which):
    """A record that comes between the look and the question is seen: nobody sleeps."""
    rings = Rings([ring.descriptor for ring in played], (SIZE, SIZE))
    assert rings.is_empty()
    played[which].write(record(1, 1))
    rings.wait_for_next(0.05, 0.5)

    assert [] == slept
    assert [record(1, 1)] == rings.read()


def test_who_waits_is_not_woken_for_less(played, slept, monkeypatch):
    """A wake-up that was meant for the sleep before does not end a wait; much to read does."""
    calls, processes = played
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))

    def write() -> None:
        calls.write(record(1, 1) if len(slept) < 3 else bytes(SIZE // 16))

    monkeypatch.setattr(PlayedEpoll, "meanwhile", write)
    rings.wait(60)

    assert 3 == len(slept)
    assert [False, False] == asking(*played)


def test_much_that_is_not_given_back(played, slept):
    """The probe does not wake a reader that holds much, so it looks again soon."""
    calls, processes = played
    calls.write(bytes(5000))
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))
    rings.read()
    for _ in range(3):
        rings.wait_for_next(0.05, 0.5)

    assert [0.05, 0.05, 0.05] == slept
    assert not rings.asked


def test_a_reader_that_ended_asleep(played, slept):
    """The next one goes on behind what was read, asks anew, and takes nothing for moved."""
    calls, processes = played
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))
    calls.write(record(1, 1))
    rings.read()
    rings.wait_for_next(0.05, 0.5)
    rings.release(rings.position)
    for position in (rings.position, None):
        after = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE), position)

        assert after.is_empty()
        assert [] == after.read()
        assert 0 == after.held
    calls.write(record(2, 2))

    assert [record(2, 2)] == after.read()
    assert after.read() == []
    after.release(after.position)

    assert calls.produced == calls.consumed


def test_a_position_that_is_moved_while_its_reader_sleeps(played, slept):
    """Somebody else cannot take back the question unnoticed."""
    calls, processes = played
    rings = Rings((calls.descriptor, processes.descriptor), (SIZE, SIZE))
    rings.wait_for_next(0.05, 0.5)
    os.pwrite(calls.descriptor, struct.pack("=Q", 0), 0)

    assert not rings.is_empty()
    with pytest.raises(TamperedError):
        rings.read()

    assert [True, True] == asking(*played)

"""Two probes have a record of each event: each event is told by one of their readers."""

from types import SimpleNamespace

import pytest

from falcohost.lasting import Memory, make
from falcohost_syscall.drivers.modern_ebpf.takeover.boundary import (
    APART,
    MOST,
    MOSTLY,
    hand_on,
    note,
    remember,
    told_before,
)
from falcohost_syscall.records.record import HEADER, KIND_CALL, KIND_EXEC, KIND_TASK

TIMES = 1_000_000_000


@pytest.fixture
def memory():
    """Return the memory of a journal."""
    return Memory(make("test", 4096))


def record(time, what=1, kind=KIND_CALL):
    """Return the record of an event at this time; *what* tells one event from another."""
    return HEADER.pack(time, 1, 2, 3, what, *range(6), *range(8), kind, 5, 0, 0, b"comm")


def event(data):
    """Return an event with this record."""
    return SimpleNamespace(h=HEADER.unpack(data), data=data)


def second_probe(memory):
    """Return what the reader of the second probe knows of the one with this memory."""
    own = Memory(make("test", 4096))
    hand_on(memory, own)
    return told_before(own)


def told_by_second(memory, *records):
    """Return the times of the records that the reader of the second probe tells of."""
    told = second_probe(memory)
    return [one.h[0] - TIMES for one in told.left_of(map(event, records))]


@pytest.mark.parametrize("late", [-7000, 0, 7000])
def test_each_event_is_told_once(memory, late):
    """Whether the second probe stamps it sooner or later, also if a thread does the same again and again."""
    first = [record(TIMES + 40_000 * number) for number in range(10)]
    note(memory, TIMES + 40_000 * 9)
    remember(memory, first)
    second = [record(TIMES + late + 40_000 * number) for number in range(15)]

    assert [late + 40_000 * number for number in range(10, 15)] == told_by_second(memory, *second)


def test_different_events_at_the_same_moment(memory):
    """Those that the first reader has not told of are told, however close they are."""
    note(memory, TIMES)
    remember(memory, [record(TIMES, 1)])

    assert [1000, 2000] == told_by_second(
        memory, record(TIMES + 500, 1), record(TIMES + 1000, 2), record(TIMES + 2000, 1)
    )


def test_far_from_the_boundary(memory):
    """An event long after is another one, even if it looks the same."""
    note(memory, TIMES)
    remember(memory, [record(TIMES)])

    assert [APART + 1] == told_by_second(memory, record(TIMES - APART * 9), record(TIMES + APART + 1))
    assert not second_probe(memory).is_past(TIMES + APART)
    assert second_probe(memory).is_past(TIMES + APART + 1)


def test_what_is_not_told_is_not_remembered(memory):
    """A reader that ends before its last records are stored leaves them to the next one."""
    note(memory, TIMES)
    remember(memory, [record(TIMES), record(TIMES + 5000)])

    assert [5000] == told_by_second(memory, record(TIMES), record(TIMES + 5000))


def test_many_at_once(memory):
    """No more are remembered than there is room for; of records that are no events none."""
    records = [record(TIMES + number, number) for number in range(2 * MOST)]
    note(memory, TIMES + 2 * MOST - 1)
    remember(memory, [*records[:-1], record(TIMES, kind=KIND_TASK), records[-1]])

    assert [] == told_by_second(memory, *records)
    assert [5000 + MOST] == told_by_second(memory, record(TIMES + 5000 + MOST, 999))


@pytest.mark.parametrize("late", [-3_000_000, 3_000_000])
def test_a_processor_that_was_taken_away(memory, late):
    """Then the records of one event are far apart, and it is told once all the same."""
    first = [record(TIMES + 500_000 * number, number, KIND_EXEC if number % 2 else KIND_CALL) for number in range(20)]
    note(memory, TIMES + 500_000 * 19)
    remember(memory, first)
    second = [
        record(one + late, n, KIND_EXEC if n % 2 else KIND_CALL) for n in range(40) for one in (TIMES + 500_000 * n,)
    ]

    assert [late + 500_000 * number for number in range(20, 40)] == told_by_second(memory, *second)


def test_an_event_that_the_first_reader_did_not_get(memory):
    """It is told though it has an earlier time than the last one that the first reader has told of."""
    note(memory, TIMES)
    remember(memory, [record(TIMES - 2 * MOSTLY, 1), record(TIMES, 2)])

    assert [-500] == told_by_second(memory, record(TIMES - 2 * MOSTLY, 1), record(TIMES - 500, 3), record(TIMES, 2))


def test_a_reader_that_takes_the_place_of_the_second(memory):
    """It knows the same, whatever the second one has told since."""
    own = Memory(make("test", 4096))
    note(memory, TIMES)
    remember(memory, [record(TIMES)])
    hand_on(memory, own)
    note(own, TIMES + 5 * APART)
    remember(own, [record(TIMES + 5 * APART)])

    assert [7] == [one.h[0] - TIMES for one in told_before(own).left_of(map(event, [record(TIMES), record(TIMES + 7)]))]


def test_nobody_was_there_before(memory):
    """Then nothing is left out."""
    assert told_before(memory) is None
    assert second_probe(memory) is None

"""Memory that outlives its writer: whole, whenever the writer ended."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from falcohost import lasting
from falcohost.lasting import Memory

HALF = 1 << 16


@pytest.fixture
def descriptor():
    """Return the descriptor of new memory."""
    descriptor = lasting.make("test", HALF)
    yield descriptor
    os.close(descriptor)


def test_appending_and_replacing(descriptor):
    """Another reader sees what was appended, and then what stands in its place."""
    writer, reader = Memory(descriptor), Memory(descriptor)
    assert b"" == reader.read()
    assert writer.append(b"one") and writer.append(b", two")
    assert b"one, two" == reader.read()
    assert writer.replace(b"three") and writer.append(b", four")

    assert b"three, four" == reader.read()
    assert len(b"three, four") == reader.size
    assert writer.replace(b"five", b", ", b"six")
    assert b"five, six" == reader.read()


def test_what_does_not_fit(descriptor):
    """It is refused, and what was there stays."""
    writer = Memory(descriptor)
    assert writer.append(bytes(HALF - 1))
    assert not writer.append(b"12")
    assert not writer.replace(bytes(HALF + 1))
    assert not writer.replace(bytes(HALF), b"1")

    assert bytes(HALF - 1) == Memory(descriptor).read()


def test_its_size_is_fixed(descriptor):
    """Who has the descriptor cannot take pages away under a reader."""
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)


def test_what_only_its_maker_writes(descriptor):
    """Others can read it, also what is written later; they cannot map it for writing, nor write it otherwise."""
    writer = Memory(descriptor)
    lasting.keep_to_oneself(descriptor)
    assert writer.replace(b"one")

    assert b"one" == Memory(descriptor, writable=False).read()
    with pytest.raises(PermissionError):
        Memory(descriptor)
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"x", 0)
    assert writer.replace(b"two")
    assert b"two" == Memory(descriptor, writable=False).read()


def test_former_pages_are_given_back(descriptor):
    """Replacing does not need more memory each time."""
    writer = Memory(descriptor)
    for _ in range(20):
        assert writer.replace(bytes(HALF))

    assert os.fstat(descriptor).st_blocks * 512 <= HALF + 3 * 4096


def test_a_state_that_an_attacker_has_written(descriptor):
    """A size that cannot be is cut; a reader reads no further than its half."""
    Memory(descriptor).set_word(0, (1 << 64) - 1)

    assert bytes(HALF) == Memory(descriptor).read()


def test_killed_at_any_moment(descriptor, soak):
    """What is there is always the beginning of one of the texts that were written."""
    dice = random.Random(1)
    for _ in range(soak(2000, 100)):
        pid = os.fork()
        if pid == 0:
            try:
                _write(Memory(descriptor))
            finally:
                os._exit(0)
        time.sleep(dice.random() * 0.003)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        found = Memory(descriptor).read()

        assert found == found[:1] * len(found)
        assert len(found) % 1000 == 0


def _write(writer: Memory) -> None:
    """Write, for ever, texts of one letter each, a thousand at a time."""
    while True:
        for letter in b"abc":
            writer.replace(bytes([letter]) * 1000)
            for _ in range(10):
                writer.append(bytes([letter]) * 1000)


def test_what_is_prepared(descriptor):
    """It is beside what counts, for the next process too, until it is committed or dropped."""
    memory = Memory(descriptor)
    memory.replace(b"counts")
    assert memory.prepare(b"next")
    other = Memory(descriptor)
    assert (b"counts", b"next") == (other.read(), other.prepared())
    other.commit()
    assert (b"next", b"") == (memory.read(), memory.prepared())
    memory.prepare(b"another")
    memory.drop()
    assert (b"next", b"") == (memory.read(), memory.prepared())
    assert not memory.prepare(bytes(HALF + 1))


def test_parts_are_asked_for_one_after_the_other(descriptor):
    """Each is written before the next one is made, and none counts before all do, or if there is no room for all."""
    memory, seen = Memory(descriptor), []
    memory.replace(b"before")

    def parts(*sizes):
        for size in sizes:
            seen.append((memory.read(), memory.prepared()))
            yield bytes([65 + len(seen)]) * size

    assert not memory.replace_by(parts(HALF, 1))
    assert (b"before", b"") == (memory.read(), memory.prepared())
    assert memory.replace_by(parts(1, 2))
    assert b"DEE" == memory.read()
    assert {(b"before", b"")} == {*seen}

"""The loop: calls for what is ready and what is due, one at a time, until somebody ends it."""

import errno
import os
import socket

import pytest

from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.testing.clock import ManualClock


@pytest.fixture
def clock():
    """Return a clock that the test turns on."""
    return ManualClock()


@pytest.fixture
def loop(clock):
    """Return a loop that goes by it."""
    return Loop(clock)


@pytest.fixture
def pipe():
    """Return both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_what_is_ready_is_called_for(loop, pipe):
    """A descriptor is called for as long as something can be read, and it is not forgotten."""
    calls = []
    loop.watch(pipe[0], lambda: calls.append("ready"))
    loop.turn(0)
    os.write(pipe[1], b"x")
    loop.turn(0)
    loop.turn(0)
    loop.forget(pipe[0])
    loop.turn(0)

    assert ["ready", "ready"] == calls


def test_writing_is_called_for_only_when_that_is_wanted(loop):
    """A socket that can be written to is called for from when somebody waits for that until nobody does."""
    calls = []
    one, other = socket.socketpair()
    with one, other:
        loop.watch(one, lambda: calls.append("ready"))
        loop.turn(0)
        loop.watch_writing(one, True)
        loop.turn(0)
        loop.watch_writing(one, False)
        loop.turn(0)
        loop.forget(one)

    assert ["ready"] == calls


def test_what_is_due_is_called_once(loop, clock):
    """A call for later comes when its time has come, and not again."""
    calls = []
    loop.after(2, lambda: calls.append("two"))
    loop.after(1, lambda: calls.append("one"))
    found = []
    for _ in range(6):
        clock.advance(0.5)
        loop.turn(0)
        found.append(tuple(calls))

    assert [(), ("one",), ("one",), ("one", "two"), ("one", "two"), ("one", "two")] == found


def test_a_cancelled_call_does_not_come(loop, clock):
    """A call that is cancelled does not come, even where the one that cancels it is due in the same turn."""
    calls = []
    second = None

    def first():
        calls.append("first")
        loop.cancel(second)

    loop.after(1, first)
    second = loop.after(1, lambda: calls.append("second"))
    clock.advance(2)
    loop.turn(0)
    loop.cancel(second)

    assert ["first"] == calls


def test_the_nearest_time_is_waited_for():
    """A turn ends when something is due, though nothing is ready."""
    loop, calls = Loop(), []
    loop.after(0.01, lambda: calls.append("due"))
    loop.turn(60)

    assert ["due"] == calls


def test_who_ends_it_first_says_how(loop):
    """The first who ends the run says how it ended."""
    assert loop.outcome is None
    loop.end(Outcome.FAILED, "a reason")
    loop.end(Outcome.STOPPED)

    assert (Outcome.FAILED, "a reason") == (loop.outcome, loop.error)


def test_there_is_no_room_to_watch(loop, pipe, monkeypatch):
    """What the kernel has no room to watch is watched as soon as it has, and can be forgotten before that."""
    calls, full = [], [True]
    register = loop._selector.register

    def limited(*arguments):
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return register(*arguments)

    monkeypatch.setattr(loop._selector, "register", limited)
    os.write(pipe[1], b"x")
    loop.watch(pipe[0], lambda: calls.append("forgotten"))
    loop.forget(pipe[0])
    loop.watch(pipe[0], lambda: calls.append("ready"))
    loop.watch_writing(pipe[0], False)
    loop.turn(0)
    assert [] == calls
    full[0] = False
    loop.turn(0)
    assert ["ready"] == calls

    loop.forget(pipe[0])


def test_what_cannot_be_watched(loop, tmp_path):
    """A file is a mistake of the caller, not a lack of room."""
    with (tmp_path / "file").open("w") as file, pytest.raises(PermissionError):
        loop.watch(file, lambda: None)

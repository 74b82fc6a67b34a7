"""An answer decides what waits while the source waits too; nobody is kept busy, and nothing is swallowed."""

from __future__ import annotations

import os
import threading
import time

import pytest
from assets import Happening, Run

from falcohost.pipeline.waker import Waker
from falcohost.testing.waiting import wait_until


class Woken:
    """A pipeline with a lookup that has a descriptor, shared with a waker."""

    def __init__(self, *conditions):
        self.run = Run(*conditions)
        self.read, self.write = os.pipe()
        self.run.machines.descriptor = self.read
        self.polled = 0
        poll = self.run.machines.poll

        def counted():
            self.polled += 1
            return poll()

        self.run.machines.poll = counted

    def answer(self, host, **found):
        """Have a row come, and say so; nobody ever reads what says so."""
        self.run.machines.answer(host, **found)
        os.write(self.write, b"x")


@pytest.fixture
def woken():
    """Return a function that makes a pipeline with a waker."""
    made = []

    def woken(*conditions):
        made.append(Woken(*conditions))
        return made[-1]

    yield woken
    for one in made:
        os.close(one.read)
        os.close(one.write)


def test_an_answer_decides(woken):
    """A pending event is reported when its row comes, and then its cursor; no batch is needed for that."""
    one = woken("machine.owner = ann")
    with Waker(one.run.pipeline) as waker:
        with waker.held():
            assert [] == one.run.take(Happening(), cursor="7")
            waker.watch()
        one.answer("web", owner="ann")
        wait_until(lambda: not one.run.pipeline.pending)

        assert ["1 ann 1", "cursor 7"] == one.run.since()


def test_nobody_is_kept_busy(woken):
    """A descriptor that nobody reads, or whose other side is gone, wakes once for what comes, and not for ever."""
    one = woken("machine.owner = ann")
    with Waker(one.run.pipeline) as waker:
        with waker.held():
            one.run.take(Happening())
            waker.watch()
            waker.watch()
        for turn in range(3):
            before = one.polled
            one.answer(f"other {turn}", owner="bob")
            wait_until(lambda before=before: one.polled > before)
        time.sleep(0.2)
        assert one.polled <= 6


def test_there_is_no_thread_without_a_descriptor(woken):
    """A lookup that says nothing by itself is asked at each batch, as before."""
    one = woken("machine.owner = ann")
    one.run.machines.descriptor = None
    before = threading.active_count()
    with Waker(one.run.pipeline) as waker:
        waker.watch()
        assert before == threading.active_count()


def test_the_pipeline_is_left_alone_while_somebody_has_it(woken):
    """A row that comes in the middle of a batch waits for its end."""
    one = woken("machine.owner = ann")
    with Waker(one.run.pipeline) as waker:
        with waker.held():
            one.run.take(Happening())
            waker.watch()
            one.answer("web", owner="ann")
            time.sleep(0.1)
            assert 1 == len(one.run.pipeline.pending)
        wait_until(lambda: not one.run.pipeline.pending)


def test_what_fails_is_raised_where_the_pipeline_is_used(woken):
    """An alert that cannot be passed on fails the worker, as it does in a batch."""
    one = woken("machine.owner = ann")

    def broken(cursor):
        raise SystemExit(1)

    with Waker(one.run.pipeline) as waker:
        with waker.held():
            one.run.take(Happening())
            waker.watch()
        one.run.sink.flush = broken
        one.answer("web", owner="ann")
        wait_until(lambda: not any(thread.name == "lookups" for thread in threading.enumerate()))
        with pytest.raises(SystemExit), waker.held():
            pass


@pytest.mark.parametrize("descriptor", [12345, "no number"])
def test_a_descriptor_that_is_none_is_told(woken, descriptor, caplog):
    """A lookup with a descriptor that cannot be waited for is asked at each batch, and named."""
    one = woken("machine.owner = ann")
    one.run.machines.descriptor = descriptor
    with Waker(one.run.pipeline) as waker:
        waker.watch()
        waker.watch()

    assert 2 == one.run.lookup.failed
    assert caplog.messages[0].startswith("lookup 'machines' failed (1 times so far): ")

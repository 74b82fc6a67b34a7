"""Threads come with work, and go when there is none."""

import threading

from falcohost.testing.waiting import PATIENCE, wait_until
from falcohost_containers import threads
from falcohost_containers.threads import Later, Pool


def names():
    """Return the names of all threads."""
    return [thread.name for thread in threading.enumerate()]


def test_a_pool(monkeypatch):
    """It has a thread for each call that waits, up to so many; the rest waits, in order; in the end there is none."""
    monkeypatch.setattr(threads, "IDLE", 0.2)
    pool, goes_on, done = Pool(2, "of a pool"), threading.Event(), []
    assert "of a pool" not in names()
    for number in range(4):
        pool.call(lambda number=number: (goes_on.wait(PATIENCE), done.append(number)))
    assert 2 == names().count("of a pool")
    goes_on.set()
    wait_until(lambda: len(done) == 4)
    wait_until(lambda: "of a pool" not in names())
    pool.call(lambda: done.append(4))
    wait_until(lambda: 4 in done)

    assert [0, 1, 2, 3, 4] == sorted(done)


def test_later(monkeypatch):
    """Calls are made when their time has come, the earliest first; the thread ends, and comes again."""
    monkeypatch.setattr(threads, "IDLE", 0.1)
    before, later, done = {*threading.enumerate()}, Later(), []
    for seconds in (0.3, 0.01, 0.15):
        later.call(seconds, lambda seconds=seconds: done.append(seconds))
    wait_until(lambda: len(done) == 3)
    wait_until(lambda: {*threading.enumerate()} <= before)
    later.call(0, lambda: done.append(0))
    wait_until(lambda: len(done) == 4)

    assert [0.01, 0.15, 0.3, 0] == done

"""Orphans that a process inherits are reaped, and its own children are left to those who wait for them."""

import os
import signal
import time
from pathlib import Path

import pytest

from falcohost.host.forked import forked, reaped
from falcohost.host.supervision.orphans import LOOK, LOOK_FOR_STOPPED, Orphans
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import wait_until

OURS = (61184, 61185)


@pytest.fixture
def looked():
    """Return a function that has a process look for orphans in so many seconds."""
    clock = ManualClock()
    orphans = Orphans(inherits=True, ours=lambda user: user in OURS, clock=clock)

    def looked(seconds):
        clock.advance(seconds)
        orphans.reap()

    return looked


def ended(status=0):
    """Return a child that has ended."""
    pid = os.fork()
    if pid == 0:
        os._exit(status)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def test_an_orphan_is_reaped_at_the_second_look(looked):
    """Before that, whoever started it may wait for it."""
    pid = ended()
    looked(LOOK)
    assert Path(f"/proc/{pid}").exists()
    looked(LOOK / 2)
    assert Path(f"/proc/{pid}").exists()
    looked(LOOK)

    assert not Path(f"/proc/{pid}").exists()
    looked(LOOK)


def test_own_children_are_left(looked):
    """The exit status is there for who waits for it, however late."""
    pid = forked(ended(7))
    for _ in range(3):
        looked(LOOK)

    assert 7 == reaped(pid)


def test_who_runs_is_left(looked):
    """A process that has not ended is not waited for."""
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    for _ in range(3):
        looked(LOOK)
    os.kill(pid, signal.SIGKILL)

    assert (pid, signal.SIGKILL) == os.waitpid(pid, 0)


def sleeper(user):
    """Return a child of this user that does not end by itself."""
    begun, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setresuid(user, user, user)
        os.write(tells, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(begun, 1)
    for descriptor in (begun, tells):
        os.close(descriptor)
    return pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
def test_what_is_left_of_the_agent(looked):
    """It is killed at the second look; others' processes are not, nor are those whose parent this process is."""
    own, ours, others = forked(sleeper(61184)), sleeper(61184), sleeper(65533)

    def is_gone():
        looked(LOOK)
        return not Path(f"/proc/{ours}").exists()

    wait_until(is_gone)
    assert [(0, 0)] * 2 == [os.waitpid(one, os.WNOHANG) for one in (own, others)]
    for one in (own, others):
        os.kill(one, signal.SIGKILL)
    assert -signal.SIGKILL == reaped(own)
    os.waitpid(others, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
def test_who_was_stopped(looked):
    """It cannot end by itself, and others may wait for it: it is killed at the first look; others' are not."""
    ours, others = sleeper(61184), sleeper(65533)
    for one in (ours, others):
        os.kill(one, signal.SIGSTOP)
        os.waitid(os.P_PID, one, os.WSTOPPED | os.WNOWAIT)
    looked(LOOK_FOR_STOPPED)

    assert (ours, signal.SIGKILL) == os.waitpid(ours, 0)
    assert (0, 0) == os.waitpid(others, os.WNOHANG)
    os.kill(others, signal.SIGKILL)
    os.waitpid(others, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
def test_the_end():
    """What is left of the agent is gone when its run is over."""
    left = [sleeper(user) for user in OURS]
    orphans = Orphans(inherits=True, ours=lambda user: user in OURS)

    def are_gone():
        orphans.end()
        return not any(Path(f"/proc/{pid}").exists() for pid in left)

    wait_until(are_gone)


def test_who_inherits_nothing_looks_for_nothing():
    """Only process 1 of a container inherits orphans."""
    pid, clock = ended(), ManualClock()
    orphans = Orphans(clock=clock)
    for _ in range(3):
        orphans.reap()
        clock.advance(LOOK)

    assert (pid, 0) == os.waitpid(pid, 0)

"""A worker's process: signalled while it is there, and the cause of its end in words."""

import os
import signal
import socket

import pytest

from falcohost.host.forked import say_why
from falcohost.host.supervision.freezer import FROZEN
from falcohost.host.supervision.process import ForkedProcess
from falcohost.readable import readable
from falcohost.testing.freezing import freezers, frozen
from falcohost.testing.waiting import wait_until


@pytest.fixture
def forked():
    """Return a function that forks a process which does something, and then ends with status 0."""
    processes = []

    def forked(do):
        here, there = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                do()
            finally:
                os._exit(0)
        there.close()
        processes.append(ForkedProcess(pid, os.pidfd_open(pid), here, 0))
        return processes[-1]

    return forked


def ended(process):
    """Wait until the process has ended."""
    return bool(readable([process.ended], 60))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed(forked, number):
    """A process that a signal has ended is said to have been killed by it, and everything is given back."""
    process = forked(signal.pause)
    process.signal(number)

    assert ended(process)
    process.signal(number)  # which does no harm
    assert f"killed by {number.name}" == process.reap()
    assert -1 == process.link.fileno()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(process.ended)


@pytest.mark.parametrize("status", [0, 3])
def test_ended_by_itself(forked, status):
    """A process that has ended by itself is said to have ended with its status."""
    process = forked(lambda: os._exit(status))

    assert ended(process)
    assert f"ended with status {status}" == process.reap()


def test_says_why(caplog):
    """A fork that an exception ends logs it, unless its parent has ended, whose end is no news."""
    for parent in (os.getppid(), 0):
        try:
            raise SystemExit(parent and "the link is broken")
        except SystemExit:
            say_why(parent)

    assert (1, 1) == (caplog.text.count("Traceback"), caplog.text.count("SystemExit: the link is broken"))


@pytest.mark.skipif(os.geteuid() != 0 or not freezers(), reason="only root may freeze, and not everywhere")
def test_frozen(forked):
    """A process that its cgroup has frozen is known to be, and can be killed, whatever the cgroup's version."""
    for root in freezers():
        process = forked(signal.pause)
        assert "" == process.stopped_by()
        with frozen(process.pid, root):
            wait_until(lambda process=process: process.stopped_by() == FROZEN)
            process.signal(signal.SIGKILL)
            assert ended(process)
            assert "killed by SIGKILL" == process.reap()


def test_stopped(forked):
    """A process that a signal has stopped is known to be."""
    process = forked(signal.pause)
    process.signal(signal.SIGSTOP)
    wait_until(lambda: process.stopped_by() == "a signal")
    assert process.is_stopped()
    process.signal(signal.SIGCONT)
    wait_until(lambda: process.stopped_by() == "")
    assert not process.is_stopped()
    process.signal(signal.SIGKILL)
    assert ended(process)
    process.reap()

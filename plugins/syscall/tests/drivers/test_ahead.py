"""The probe that another process has loaded: it is used as one's own, or not at all."""

import os
import socket

import pytest
from read_probe import ReadProbe

from falcohost_syscall.calls.rows import BY_NAME, EXEC
from falcohost_syscall.drivers.modern_ebpf import ahead
from falcohost_syscall.drivers.modern_ebpf.loading import prepare
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.wanted import calls
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import record as R

CHDIR = BY_NAME["chdir"].call
OPTIONS = Options(all_processes=True)


def settings(by_perf=False):
    """Return settings of a probe."""
    return LoadSettings(execve=BY_NAME[EXEC].call, by_perf=by_perf)


@pytest.fixture
def loaded(machine):
    """Return a function that has another process load a probe and send it; returns the socket to that process."""
    made, links = [], []

    def loaded(how, send=ahead.send, *, by_function=False):
        here, there = socket.socketpair()
        links.append(here)
        pid = os.fork()
        if pid == 0:
            here.close()
            try:
                library = Library()
                send(there, prepare(library, Kernel(library), how, OPTIONS, by_function=by_function), b"for these")
            finally:
                os._exit(0)
        there.close()
        made.append(pid)
        return here

    yield loaded
    for link in links:
        link.close()
    for pid in made:
        os.waitpid(pid, 0)


def descriptors():
    """Return how many descriptors there are."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize(("by_perf", "by_function"), [(False, False), (True, False), (False, True)])
def test_what_another_process_has_loaded(loaded, watching, request, by_perf, by_function):
    """Calls are told, also by programs that are copied with the numbers that maps have here; the other one is gone."""
    for name in [*["functions"] * by_function, *["copies"] * by_perf]:
        request.getfixturevalue(name)
    link = loaded(settings(by_perf), by_function=by_function)
    others = [os.dup(0) for _ in range(100)]  # so that maps have other numbers
    try:
        found = ahead.received(link, b"for these")
    finally:
        for one in others:
            os.close(one)
    with ReadProbe(settings(by_perf), OPTIONS, prepared=found) as driver:
        driver.set_calls(calls(frozenset({"chdir"})))
        assert driver.by_function is by_function
        records = watching(driver).python("os.chdir('/')\nos.chdir('/tmp')")

    assert 2 == sum(one.header.kind == R.KIND_CALL and one.header.call == CHDIR for one in records)


def test_another_purpose(loaded):
    """What was loaded for other settings is let go."""
    link, before = loaded(settings()), descriptors()

    assert None is ahead.received(link, b"for others")
    assert before == descriptors()


def _only_a_part(link, prepared, purpose):
    """Send what is said, and end before the descriptors."""

    class Part:
        sendall = link.sendall

        def sendmsg(self, *arguments):
            os._exit(1)

    ahead.send(Part(), prepared, purpose)


@pytest.mark.parametrize("send", [_only_a_part, lambda *arguments: os._exit(1)])
def test_a_process_that_ends_early(loaded, send):
    """It is found out that something is missing, and nothing is left."""
    link, before = loaded(settings(), send), descriptors()

    with pytest.raises(ConnectionError, match="has ended early"):
        ahead.received(link, b"for these")
    assert before == descriptors()

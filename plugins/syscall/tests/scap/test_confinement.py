"""Whether a container is privileged is found out in ``/proc``, or by what an exec gave its init."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcohost_syscall.processes.table import Image, Process
from falcohost_syscall.scap.confinement import Confinement, bounds, first_of

#: Drops a capability from the bounding set; takes a filter that allows everything; does nothing.
WAYS = {
    "less": "libc.prctl(24, 10, 0, 0, 0)",
    "filtered": "libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0)",
    "free": "0",
}
CHILD = """
import ctypes, sys
libc = ctypes.CDLL(None)
code = ctypes.create_string_buffer(bytes.fromhex("06000000" "0000ff7f"))
class Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("code", ctypes.c_void_p)]
program = Program(1, ctypes.cast(code, ctypes.c_void_p))
assert {way} == 0
print(flush=True)
sys.stdin.read()
"""


def made(pid: int, vpid: int, *, caps: tuple[int, int] | None = None, parent: Process | None = None) -> Process:
    """Return a process that began now and has executed a program."""
    image = Image(b"x\0", b"", b"/x", exec_ts=1)
    image.caps = caps
    process = Process(pid, 0 if parent is None else parent.pid, vpid, time.time_ns(), "x", 0, image)
    process.parent = parent
    return process


def machines() -> int:
    """Return the bounding set of the machine's init."""
    found = bounds(Path("/proc/1/status").read_bytes())
    assert found is not None
    return found[0]


@pytest.fixture
def child(request):
    """Return a process that has done this."""
    line = [sys.executable, "-c", CHILD.format(way=WAYS[request.param])]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may drop capabilities from the bounding set")
@pytest.mark.parametrize(
    ("child", "expected"), [("free", True), ("less", False), ("filtered", False)], indirect=["child"]
)
def test_of_a_process_that_runs(child, expected):
    """One with the machine's bounding set and no filter is unconfined, whatever its user's capabilities are."""
    if expected:
        own = bounds(Path("/proc/self/status").read_bytes())
        expected = own is not None and not (machines() & ~own[0] or own[1])

    assert expected is Confinement(lambda _: 1000).is_unconfined(made(child.pid, 1, caps=(0, 0)))


@pytest.mark.parametrize(
    ("lacking", "user", "expected"), [(0, 0, True), (0, None, True), (1, 0, False), (1, 1000, None), (1, None, None)]
)
def test_of_a_process_that_has_ended(lacking, user, expected):
    """The capabilities that an exec gave root are its bounding set; those of another user say less."""
    caps = (machines() & ~(lacking << 5), 0)

    assert expected is Confinement(lambda _: user).is_unconfined(made(1 << 22, 1, caps=caps))


@pytest.mark.parametrize("child", ["free"], indirect=True)
def test_another_process_with_its_number_does_not_count(child):
    """A process that began after the one that is asked about has its number by now."""
    process = made(child.pid, 1, caps=(0, 0))
    process.start -= 3600 * 10**9

    assert Confinement(lambda _: 0).is_unconfined(process) is False
    assert Confinement(lambda _: None).is_unconfined(process) is None


def test_what_an_exec_told_counts():
    """Where the driver tells it with an exec, nothing is read."""
    process = made(os.getpid(), os.getpid())
    process.image.privileged = False

    assert Confinement(lambda _: 0).is_unconfined(process) is False


def test_the_init_of_a_namespace_is_asked_about():
    """It is the nearest ancestor with the number 1 there; who has entered from outside, or is outside, has none."""
    shim = made(100, 100)
    init = made(101, 1, parent=shim)
    inner = made(103, 7, parent=made(102, 5, parent=init))

    assert init is first_of(init)
    assert init is first_of(inner)
    assert shim is first_of(shim)
    entered = made(104, 9, parent=shim)
    assert entered is first_of(entered)


@pytest.mark.parametrize("status", [b"", b"CapBnd:\tzz\n", b"Name:\tx\nCapEff:\t0\n"])
def test_a_status_that_is_cut(status):
    """A status without a bounding set tells nothing; a kernel without seccomp has no line for it."""
    assert bounds(status) is None
    assert (1, False) == bounds(b"CapBnd:\t1\n")
    assert (1, True) == bounds(b"CapBnd:\t1\nSeccomp:\t2\n")

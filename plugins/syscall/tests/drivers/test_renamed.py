"""Names that a process gives itself by writing to a file of /proc are told as by the prctl(2) that does the same."""

from __future__ import annotations

import pytest

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.wanted import calls
from falcohost_syscall.records import record as R

PRCTL = BY_NAME["prctl"].call
SET_NAME = 15


@pytest.fixture
def renamed(watched):
    """Return a function that runs Python and returns the names that its records of prctl tell."""
    watched.driver.set_calls(calls(frozenset({"prctl"})))

    def renamed(script):
        found = [r for r in watched.python(script) if r.header.kind == R.KIND_CALL and r.header.call == PRCTL]
        return [r.header.comm.rstrip(b"\0") for r in found if r.header.arg0 == SET_NAME and not r.header.ret]

    yield renamed
    watched.driver.set_calls({})


@pytest.mark.parametrize(
    "script",
    [
        "open('/proc/self/comm', 'w').write('kworker/7')",
        "os.writev(os.open('/proc/self/comm', os.O_WRONLY), [b'kworker/7'])",
        "open(f'/proc/self/task/{os.getpid()}/comm', 'w').write('kworker/7')",
    ],
)
def test_by_file(renamed, script):
    """The text that is written to the file is the name."""
    assert [b"kworker/7"] == renamed(script)


def test_longer_names(renamed):
    """A name is as long as the kernel lets it be."""
    assert [b"0123456789abcde"] == renamed("open('/proc/self/comm', 'w').write('0123456789abcdefgh')")


def test_by_the_call(renamed):
    """The call itself is told once."""
    assert [b"name"] == renamed("import ctypes\nctypes.CDLL(None).prctl(15, b'name', 0, 0, 0)")


def test_execs(renamed):
    """Programs that start are not renamed."""
    assert [] == renamed("os.posix_spawn('/bin/true', ['true'], {})\nos.wait()")


def test_nobody_asks(watched):
    """While no rule wants prctl nothing is told."""
    watched.driver.set_calls(calls(frozenset({"chdir"})))
    found = watched.python("open('/proc/self/comm', 'w').write('x')\nos.chdir('/')")

    assert [BY_NAME["chdir"].call] == [r.header.call for r in found if r.header.kind == R.KIND_CALL]

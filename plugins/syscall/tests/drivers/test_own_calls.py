"""Calls of the agent itself: which are left out, and which are not; what descriptors of BPF objects are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import wait_until
from falcohost_syscall.records import record as R

RARE, BPF, EPOLL = 146, 321, 291


@pytest.fixture
def probe(roomy):
    """Return the probe, without calls to collect."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    yield roomy
    roomy.driver.set_calls({})


def made(probe, pid, call):
    """Return the records of a call by a process that wait."""
    return [r for r in probe.read_all() if (r.header.kind, r.header.pid, r.header.call) == (R.KIND_CALL, pid, call)]


def test_sentinel(probe):
    """A call that shows whether events arrive comes also from an ignored process; other calls of it do not."""
    probe.driver.set_calls({RARE: R.CallSpec(RARE, 0)})
    os.sched_get_priority_max(1)  # by the process that has loaded the probe
    probe.driver.set_calls({RARE: R.CallSpec(RARE, R.WANT_SENTINEL)})
    os.sched_get_priority_max(1)

    assert 1 == len(made(probe, os.getpid(), RARE))


def test_another_program(probe):
    """An ignored process is no longer ignored when it executes a program."""
    probe.driver.set_calls({RARE: R.CallSpec(RARE, 0)})
    ask = "os.sched_get_priority_max(1)"
    other = f"os.execv(sys.executable, [sys.executable, '-ISc', 'import os; {ask}'])"
    script = f"import os, sys; {ask}; sys.stdin.read(); {ask}; {other}"
    with subprocess.Popen([sys.executable, "-ISc", script], env={}, stdin=subprocess.PIPE) as child:
        found = []
        wait_until(lambda: found.extend(made(probe, child.pid, RARE)) or found)
        probe.driver.ignore(child.pid)
        child.stdin.close()
    found += made(probe, child.pid, RARE)

    assert 2 == len(found)


def test_objects_of_bpf(probe, tmp_path):
    """The descriptor of a map, program or link says which it is; that of another file says that it is none."""
    calls = (BPF, EPOLL)
    probe.driver.set_calls({number: R.CallSpec(number, R.WANT_FD, fd_arg=R.RET_ARG) for number in calls})
    script = """
import ctypes, select, struct
bpf = lambda command, *words: libc.syscall(321, command, ctypes.create_string_buffer(struct.pack(*words), 128), 128)
libc = ctypes.CDLL(None)
told = lambda fd, name: next(line.split()[1] for line in open(f"/proc/self/fdinfo/{fd}") if line.startswith(name))
table = bpf(0, "=5I", 2, 4, 8, 1, 0)
code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0))
license = ctypes.create_string_buffer(b"GPL")
program = bpf(5, "=IIQQ", 17, 2, ctypes.addressof(code), ctypes.addressof(license))
name = ctypes.create_string_buffer(b"sys_enter")
link = bpf(17, "=QI", ctypes.addressof(name), program)
select.epoll()
open(sys.argv[1], "w").write(f"{told(table, 'map_id')} {told(program, 'prog_id')} {told(link, 'link_id')}")
"""
    found = probe.python(script, tmp_path / "told")
    infos = [R.FdInfo._make(R.FDINFO.unpack(r.sections[R.SEC_FD])) for r in found if R.SEC_FD in r.sections]

    assert [*map(int, (tmp_path / "told").read_text().split()), 0] == [info.bpf_id for info in infos]

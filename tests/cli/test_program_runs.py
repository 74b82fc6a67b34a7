"""``falcohost stats --cost`` and programs in the kernel: how often they ran, by the kernel's own statistics."""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import sys

import pytest

from falcohost.cli.program_runs import ProgramRuns, held
from falcohost.testing.clock import ManualClock

# linux/bpf.h, linux/filter.h: load a program, of the kind for sockets, which is attached by a socket option.
LOAD, SOCKET_FILTER, SO_ATTACH_BPF = 5, 1, 50
CALL = {"x86_64": 321, "aarch64": 280}

#: Returns how many bytes of a datagram are taken: all of them.
TAKES_ALL = struct.pack("<BBhi", 0xB7, 0, 0, 1 << 16) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def loaded(name):
    """Return the descriptor of a new program for sockets."""
    code, license = ctypes.create_string_buffer(TAKES_ALL), ctypes.create_string_buffer(b"GPL")
    asked = struct.pack(
        "<IIQQIIQII16s", SOCKET_FILTER, 2, ctypes.addressof(code), ctypes.addressof(license), 0, 0, 0, 0, 0, name
    )
    call = ctypes.CDLL(None, use_errno=True).syscall
    found = call(CALL[os.uname().machine], LOAD, ctypes.c_char_p(asked), len(asked))
    if found < 0:
        pytest.skip(f"bpf: {os.strerror(ctypes.get_errno())}")
    return found


@pytest.fixture
def counted():
    """Return a function that has a program run, once for each datagram, and the program's descriptor."""
    program = loaded(b"counted")
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, program)
        ends = [stack.enter_context(one) for one in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)]
        ends[1].setsockopt(socket.SOL_SOCKET, SO_ATTACH_BPF, struct.pack("i", program))

        def run(times):
            for _ in range(times):
                ends[0].send(b"x")
                ends[1].recv(1)

        yield run, program


def own(found):
    """Return what is about the programs of this test: others may have left some in this process."""
    return [one for one in found if one.state.name == "counted"]


def test_runs_are_counted_meanwhile(counted):
    """What a program that the process holds has run is counted from one reading to the next."""
    run, _ = counted
    clock = ManualClock()
    runs, pids = ProgramRuns(clock), {os.getpid()}
    with runs.counting(pids):
        run(3)
        runs.since_before(pids)
        run(5)
        clock.advance(2.0)
        (found,) = own(runs.since_before(pids))
        run(2)
        (second,) = own(runs.since_before(pids))

    assert ("counted", "", 5, 2.0) == (found.state.name, found.state.at, found.numbers.runs, found.numbers.seconds)
    assert 0 < found.numbers.ns < 1e9
    assert 2 == second.numbers.runs
    assert "" == runs.problem


def test_programs_of_one_name_are_one(counted):
    """Programs that cannot be told apart are added up; one that came meanwhile counts from its beginning."""
    run, _ = counted
    runs, pids = ProgramRuns(), {os.getpid()}
    with runs.counting(pids), contextlib.ExitStack() as stack:
        runs.since_before(pids)
        other = loaded(b"counted")
        stack.callback(os.close, other)
        ends = [stack.enter_context(one) for one in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)]
        ends[1].setsockopt(socket.SOL_SOCKET, SO_ATTACH_BPF, struct.pack("i", other))
        ends[0].send(b"x")
        run(3)

        assert [4] == [one.numbers.runs for one in own(runs.since_before(pids))]


def test_other_processes_have_none():
    """A process that holds no program, or is gone, has none; then nobody is asked to count."""
    with subprocess.Popen(["sleep", "60"]) as process:
        runs = ProgramRuns()
        with runs.counting({process.pid}):
            assert [] == runs.since_before({process.pid, 1 << 22})
        process.kill()

    assert {} == held({process.pid})
    assert "" == runs.problem


def test_without_the_right(counted):
    """Without CAP_SYS_ADMIN it is said why there are no runs."""
    _, program = counted
    code = (
        "import os; from falcohost.cli.program_runs import ProgramRuns, held\n"
        "runs = ProgramRuns(); me = {os.getpid()}\n"
        "with runs.counting(me): print(len(held(me)), runs.since_before(me), runs.problem)"
    )
    command = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=[program])
    if "setpriv" in done.stderr:
        pytest.skip("setpriv cannot do this here")

    assert ("1 [] Operation not permitted", "") == (done.stdout.strip(), done.stderr)

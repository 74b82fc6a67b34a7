"""A process that was confined cannot make the system calls that attackers want, and can do its job."""

import os
import platform
import signal
import struct

import pytest

from falcohost.host.confine.calls import allowed
from falcohost.host.confine.numbers import MACHINES, NEWEST
from falcohost.host.confine.seccomp import program_for, restrict
from falcohost.libc import prctl
from falcohost.needs import ALL, BENEATH, CODE, CONNECT, GENEROUS, LISTEN, MAPS, PROBE, PROGRAM, THREADS, WRITE

NO_NEW_PRIVS = 38

SYSCALL = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); call = libc.syscall; "

#: What an attacker tries who has taken over a worker.
ATTACKS = {
    "run a program": "import os; os.execv('/bin/true', ['true'])",
    "run one in a child": "import subprocess; subprocess.run(['true'])",
    "fork": "import os; os.fork()",
    "trace": SYSCALL + "libc.ptrace(16, os.getppid(), 0, 0)",
    "write to another process": SYSCALL + "call(311, os.getppid(), 0, 0, 0, 0, 0)",
    "take another's descriptor": SYSCALL + "call(438, 0, 0, 0)",
    "get a user namespace": SYSCALL + "libc.unshare(0x10000000)",
    "get one for a thread": SYSCALL + "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "enter a namespace": SYSCALL + "libc.setns(0, 0)",
    "use a ring": SYSCALL + "call(425, 1, ctypes.create_string_buffer(120))",
    "load a BPF program": SYSCALL + "call(321, 5, ctypes.create_string_buffer(120), 120)",
    "get another's map": SYSCALL + "call(321, 14, ctypes.create_string_buffer(120), 120)",
    "catch page faults": SYSCALL + "call(323, 0)",
    "mount": SYSCALL + "libc.mount(None, b'/mnt', b'tmpfs', 0, None)",
    "load a module": SYSCALL + "call(313, 0, b'', 0)",
    "start another kernel": SYSCALL + "call(246, 0, 0, 0, 0)",
    "use the keyring": SYSCALL + "call(250, 0, 0, 0, 0, 0)",
    "watch events": SYSCALL + "call(298, ctypes.create_string_buffer(120), 0, -1, -1, 0)",
    "be another user": "import os; os.setuid(0)",
    "gain capabilities": SYSCALL + "libc.capset(ctypes.create_string_buffer(8), None)",
    "signal another process": "import os; os.kill(os.getppid(), 9)",
    "signal another's thread": SYSCALL + "call(234, os.getppid(), os.getppid(), 9)",
    "limit another process": SYSCALL + "call(302, os.getppid(), 7, ctypes.create_string_buffer(16), None)",
    "be dumpable": SYSCALL + "libc.prctl(4, 1, 0, 0, 0)",
    "outlive the agent": SYSCALL + "libc.prctl(1, 0, 0, 0, 0)",
    "type into a terminal": SYSCALL + "libc.ioctl(0, 0x5412, b'x')",
    "open a raw socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "have a module loaded": "import socket; socket.socketpair(30)",
    "use the kernel's ciphers": "import socket; socket.socket(socket.AF_ALG)",
    "make a device": "import os; os.mknod('/tmp/device', 0o20600, 0)",
    "have code in a file of no name": "import os; os.memfd_create('x')",
    "change its root": "import os; os.chroot('/')",
    "call as a 32-bit program": (
        "import ctypes, mmap; memory = mmap.mmap(-1, 4096, prot=7); memory.write(bytes.fromhex('b814000000cd80c3'));"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()"
    ),
}

#: What one may not do that needs less.
MODEST_ATTACKS = {
    "connect": "import socket; socket.socket()",
    "connect to a path": "import socket; socket.socket(socket.AF_UNIX)",
    "start a thread": "import threading; threading.Thread(target=print).start()",
    "create a folder": "import os; os.mkdir('/tmp/falcohost-attack')",
    "delete a file": "import os; os.unlink('/tmp/falcohost-attack')",
    "make memory executable": SYSCALL + "libc.mprotect(libc.sbrk(0) & -4096, 4096, 5)",
    "have executable memory": "import mmap; mmap.mmap(-1, 4096, prot=5)",
    "have executable memory that others see": "import mmap; mmap.mmap(-1, 4096, flags=1, prot=7)",
    "run what is in a file": "import mmap, os; mmap.mmap(os.open('/bin/true', 0), 4096, flags=2, prot=5)",
    "watch who uses a folder": SYSCALL + "libc.inotify_init1(0)",
    "accept": SYSCALL + "libc.accept(0, None, None)",
}

#: What one may not do that accepts connections, with a socket that the next process gets.
ATTACKS_OF_SERVERS = {
    "drop all packets": SYSCALL + "libc.setsockopt(0, 1, 26, ctypes.create_string_buffer(16), 16)",
    "keep others from changing that": SYSCALL + "libc.setsockopt(0, 1, 44, ctypes.create_string_buffer(4), 4)",
    "want signed packets": SYSCALL + "libc.setsockopt(0, 6, 14, ctypes.create_string_buffer(216), 216)",
    "want senders that are near": SYSCALL + "libc.setsockopt(0, 0, 21, ctypes.create_string_buffer(4), 4)",
}


def outcome(code, needs):
    """Run *code* in a process with these *needs*; return how it ended: a negative signal, or its status."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1):
                os.dup2(null, number)
            prctl(NO_NEW_PRIVS, 1)
            restrict(needs)
            exec(code, {})
            status = 0
        except OSError as error:
            status = error.errno
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are those of x86_64")


@pytest.mark.parametrize("code", ATTACKS.values(), ids=ATTACKS)
def test_what_no_job_needs(code):
    """It ends the process, also where a job says nothing about what it needs."""
    assert -signal.SIGSYS == outcome(code, GENEROUS.calls)


@pytest.mark.parametrize("code", MODEST_ATTACKS.values(), ids=MODEST_ATTACKS)
def test_what_this_job_does_not_need(code):
    """It ends the process of a job that has said what it needs."""
    assert -signal.SIGSYS == outcome(code, frozenset())


@pytest.mark.parametrize("code", ATTACKS_OF_SERVERS.values(), ids=ATTACKS_OF_SERVERS)
def test_what_servers_may_not_do_to_sockets(code):
    """What would outlive the process, in a socket that the next one gets, ends it; what servers set works."""
    usual = "import socket; a, b = socket.socketpair(); a.setsockopt(1, 9, 1); a.settimeout(1); a.shutdown(2)"

    assert -signal.SIGSYS == outcome(code, frozenset({LISTEN, THREADS}))
    assert 0 == outcome(usual, frozenset({LISTEN, THREADS}))


@pytest.mark.parametrize("prot", [4, 5, 7])
def test_code(prot):
    """Who needs connections may load libraries, but runs no code that it has made; who needs code may."""
    connects = frozenset({CONNECT, THREADS, WRITE})
    memory, file = "mmap.mmap(-1, 4096, prot={})", "mmap.mmap(os.open('/bin/true', 0), 4096, flags=2, prot={})"

    assert -signal.SIGSYS == outcome(f"import mmap; {memory.format(prot)}", connects)
    assert -signal.SIGSYS == outcome(SYSCALL + f"libc.mprotect(libc.sbrk(0) & -4096, 4096, {prot})", connects)
    assert 0 == outcome(f"import mmap, os; {file.format(5)}", connects)
    assert 0 == outcome(f"import mmap; {memory.format(prot)}", connects | {CODE})


HARMLESS = """
import json, os, socket, sqlite3, tempfile, threading, time, zoneinfo, decimal, ssl, subprocess, signal, mmap
threading.Thread(target=time.sleep, args=(0.01,)).start()
socket.getaddrinfo("localhost", 80)
with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryDirectory() as folder:
    with socket.create_connection(server.getsockname()): pass
    open(folder + "/a", "w").write("x"); os.rename(folder + "/a", folder + "/b"); os.stat(folder)
    database = sqlite3.connect(folder + "/c"); database.execute("create table t (a)"); database.commit()
    database.close()
ssl.create_default_context()
time.strptime("2026", "%Y")
os.listdir("/")
"""


def test_what_jobs_need():
    """Threads, names, connections, files and a database are no trouble for a job that does not say what it needs."""
    assert 0 == outcome(HARMLESS, GENEROUS.calls)


BPF = SYSCALL + "call(321, {}, ctypes.create_string_buffer(120), 120)"


def test_bpf():
    """Who needs maps may look up, change and delete; who needs a probe may load; neither may reach what others have."""
    commands = {command: outcome(BPF.format(command), frozenset({MAPS})) for command in range(38)}
    assert {1, 2, 3, 4, 21, 24, 25, 26, 27} == {command for command, end in commands.items() if end == 0}

    commands = {command: outcome(BPF.format(command), frozenset({PROBE})) for command in range(38)}
    refused = {6, 7, 8, 9, 11, 12, 13, 14, 19, 20, 23, 30, 31, 36, 37}  # pins, PROG_ATTACH, by id, of tasks, tokens
    assert refused == {command for command, end in commands.items() if end == -signal.SIGSYS}


@pytest.mark.parametrize("call", ["ptrace(16, 1, 0, 0)", "unshare(0x10000000)", "syscall(425, 1, 0)", "setns(0, 0)"])
def test_programs(call):
    """A process that runs programs may run them, and neither it nor they may do what is dangerous."""
    run_it = f"subprocess.run([sys.executable, '-c', {PROGRAM_THAT!r}, {call!r}]).returncode"

    assert 1 == outcome(f"import os, subprocess, sys; os._exit({run_it})", frozenset({PROGRAM}))


PROGRAM_THAT = (
    "import ctypes, os, sys; libc = ctypes.CDLL(None, use_errno=True); "
    "result = eval('libc.' + sys.argv[1]); sys.exit(ctypes.get_errno() if result < 0 else 77)"
)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
@pytest.mark.parametrize(
    "call", ["setuid(0)", "setreuid(-1, 0)", "setresuid(61184, 0, 61184)", "setresuid(5, 61184, 0)"]
)
def test_only_one_user(call):
    """A process that may become one user becomes no other, in no place."""
    attempt = f"import os; from falcohost.host.confine.seccomp import only_become; only_become(61184); os.{call}"

    assert 1 == outcome(attempt, frozenset({PROGRAM}))
    assert 0 == outcome(attempt.replace(call, "setresuid(61184, 61184, 61184)"), frozenset({PROGRAM}))


def test_threads_that_run_already():
    """Threads from before are restricted too."""
    code = (
        "import os, threading; go = threading.Event(); "
        "threading.Thread(target=lambda: (go.wait(), os.fork())).start(); restrict(frozenset({'threads'})); go.set()"
    )
    pid = os.fork()
    if pid == 0:
        prctl(NO_NEW_PRIVS, 1)
        exec(code, {"restrict": restrict})
        signal.pause()
    assert -signal.SIGSYS == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_call_newer_than_the_list():
    """It is answered as by an older kernel, so that libraries use another."""
    assert 38 == outcome(SYSCALL + "os._exit(ctypes.get_errno() if call(9999) < 0 else 0)", frozenset())
    assert 38 == outcome(SYSCALL + "os._exit(ctypes.get_errno() if call(435, 0, 0) < 0 else 0)", frozenset({THREADS}))


def test_only_logged():
    """With ``log``, what is forbidden is done."""
    pid = os.fork()
    if pid == 0:
        prctl(NO_NEW_PRIVS, 1)
        restrict(frozenset(), log=True)
        os._exit(os.waitpid(child, 0)[1] if (child := os.fork()) else 0)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# the program, run by hand on every machine

ALLOW, KILL, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050026


def run(program, machine, number, *arguments):
    """Return what *program* answers to a call: an interpreter of the few instructions that it has."""
    data = struct.pack("<IIQ6Q", number, machine, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("<HBBI", program))
    place = accumulator = 0
    while True:
        code, true, false, constant = instructions[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif code == 0x54:
            accumulator &= constant
        elif code == 0x05:
            place += constant
        elif code == 0x06:
            return constant
        else:
            tests = {0x15: accumulator == constant, 0x35: accumulator >= constant, 0x45: bool(accumulator & constant)}
            place += true if tests[code] else false


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("needs", [frozenset(), frozenset({CONNECT, THREADS}), frozenset({PROBE}), ALL - {PROGRAM}])
def test_every_number(name, needs):
    """On every machine exactly the listed calls are allowed, and all above the list do not exist."""
    machine = MACHINES[name]
    program = program_for(needs, machine, 7)
    wanted = {machine.calls[call] for call, condition in allowed(needs, 7).items() if call in machine.calls}
    conditions = {machine.calls[call] for call, one in allowed(needs, 7).items() if one and call in machine.calls}
    answers = {number: run(program, machine.audit, number) for number in range(NEWEST + 200)}

    assert len(program) // 8 < 4096
    assert wanted - conditions == {number for number, answer in answers.items() if answer == ALLOW} - conditions
    in_memory = {435} if BENEATH in needs else {435, 437}  # clone3, openat2
    assert {*in_memory, *range(NEWEST + 1, NEWEST + 200)} == {n for n, answer in answers.items() if answer == ENOSYS}
    assert KILL == run(program, machine.audit ^ 0x80000000, machine.calls["read"])
    assert ENOSYS == run(program, machine.audit, 0x40000000)


@pytest.mark.parametrize("name", MACHINES)
def test_conditions_on_arguments(name):
    """Only threads in the same namespaces are cloned, and only own threads are signalled."""
    machine = MACHINES[name]
    program = program_for(frozenset({THREADS}), machine, 7)

    def clone(flags):
        return run(program, machine.audit, machine.calls["clone"], flags)

    assert ALLOW == clone(0x3D0F00)  # what pthread_create(3) has
    assert [KILL] * 4 == [clone(flags) for flags in (17, 0x3D0F00 | 0x10000000, 0x3D0F00 | 0x2000, 0x4111)]
    assert ALLOW == run(program, machine.audit, machine.calls["tgkill"], 7, 8, 9)
    assert KILL == run(program, machine.audit, machine.calls["tgkill"], 8, 8, 9)

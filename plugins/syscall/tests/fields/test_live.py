"""Fields and parameters on this machine's kernel, compared with what the caller passed, and with /proc."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.events import Plan, subjects_of
from falcohost.lang.parser import parse
from falcohost.subject import ProcessSubject
from falcohost.testing import skip_or_fail
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.source import SyscallSource

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
GET: dict[str, Any] = {field.name: field.get for field in FIELDS}
#: Others have nothing to do with these.
MARK = f"falcohost-live-{os.getpid()}"
#: Says that nothing of what came before is still to be read.
END = f"/tmp/live-fields-end-{os.getpid()}"

#: What the program begins with: system calls by their numbers, and memory to pass by address.
PRELUDE = """
import ctypes, fcntl, json, os, select, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *args):
    return libc.syscall(number, *(ctypes.c_long(a) if isinstance(a, int) else a for a in args))
def memory(form, *values):
    return ctypes.create_string_buffer(struct.pack(form, *values))
def tell(**truth):
    print(json.dumps(truth), flush=True)
"""


def opened(sources: Any, condition: str, *fields: str) -> tuple[SyscallSource, Any]:
    """Return the source for one rule about processes with the mark, whose output has *fields*; and what matches."""
    expr = check(parse(f"proc.args contains {MARK} and {condition}"), CATALOG).expr
    last = check(parse(f"evt.type = openat and fd.name = {END}"), CATALOG).expr
    both = ir.Or((expr, last))
    asked = frozenset({*(ref.field.name for ref in ir.fields(both)), *fields})
    plan = Plan("syscall", event_types(both, frozenset(BY_NAME)), asked, condition=both)
    return sources.open(plan), compile_condition(expr)


def events(source: SyscallSource, matches: Any) -> Iterator[Any]:
    """Yield the events so far that match, each at its moment."""
    subprocess.run(["sh", "-c", ': < "$0"', END], check=True)
    for batch in source.batches():
        for event in batch.events:
            if event.fdpath == END:
                return
            if matches(event):
                yield event


def run(script: str, **options: Any) -> list[dict[str, Any]]:
    """Run a script with the mark among its arguments; return what it told."""
    command = [sys.executable, "-IS", "-c", f"{PRELUDE}\n{script}", MARK]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module", autouse=True)
def end() -> Iterator[None]:
    """Make the last file."""
    Path(END).touch()
    yield
    Path(END).unlink()


@pytest.fixture(scope="module")
def machine() -> None:
    """Skip where the numbers of calls are others."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")


#: By name: the call as Python, and the text of evt.args that it has to give; {…} is what the program told.
CALLS: dict[str, tuple[str, str]] = {
    "epoll_wait": ("call(232, -1, memory('16x'), 7, 0)", "res=-9(EBADF) maxevents=7"),
    "futex": ("call(202, memory('I', 5), 129, 3)", "res=0 addr=[0-9A-F]+ op=129(FUTEX_PRIVATE_FLAG|FUTEX_WAKE) val=3"),
    "getcwd": ("os.chdir('/usr'); call(79, memory('64x'), 64)", "res=5 path=/usr"),
    "getpeername": (
        "a, b = socket.socketpair(); call(52, a.fileno(), memory('128x'), memory('I', 128)); tell(fd=a.fileno())",
        "res=0 fd={fd}(<u>) tuple=NULL",
    ),
    "getresuid": (
        "call(118, memory('4x'), memory('4x'), memory('4x'))",
        "res=0 ruid=0(root) euid=0(root) suid=0(root)",
    ),
    "getresgid": (
        "call(120, memory('4x'), memory('4x'), memory('4x'))",
        "res=0 rgid=0(root) egid=0(root) sgid=0(root)",
    ),
    "getrlimit": (
        "r = memory('QQ', 0, 0); call(97, 7, r); tell(limits=struct.unpack('qq', r.raw[:16]))",
        "res=0 cur={limits[0]} max={limits[1]} resource=7(RLIMIT_NOFILE)",
    ),
    "setrlimit": ("call(160, 4, memory('qq', 0, -1))", "res=0 cur=0 max=-1 resource=4(RLIMIT_CORE)"),
    "prlimit": (
        "call(302, 0, 4, memory('qq', 0, -1), memory('16x'))",
        "res=0 newcur=0 newmax=-1 oldcur=-?[0-9]+ oldmax=-1 pid=0 resource=4(RLIMIT_CORE)",
    ),
    "nanosleep": ("call(35, memory('qq', 0, 1500), 0)", "res=0 interval=1500(1.5e-06s)"),
    "poll": (
        "r, w = os.pipe(); os.write(w, b'x'); call(7, memory('ihhihh', r, 1, 0, w, 0, 0), 2, 10); tell(r=r, w=w)",
        "res=1 fds={r}:p1 {w}:p0 timeout=10",
    ),
    "ppoll": (
        "call(271, memory('ihhihh', 0, 0, 0, -1, 1, 0), 2, memory('qq', 0, 1000000), memory('Q', 1 << 9), 8)",
        "res=0 fds=0:f0 -1:o0 timeout=0(0s) sigmask=SIGUSR1",
    ),
    "select": ("call(23, 0, 0, 0, 0, memory('qq', 0, 10))", "res=0"),
    "semctl": (
        "i = call(64, 0, 2, 0o600); call(66, i, 1, 16, 9); call(66, i, 0, 0); tell(id=i)",
        "res=0 semid={id} semnum=1 cmd=4096(SETVAL) val=9",
    ),
    "semop": (
        "i = call(64, 0, 2, 0o600); call(65, i, memory('Hhh', 1, 2, 0o4000) , 1); call(66, i, 0, 0); tell(id=i)",
        "res=0 nsops=1 sem_num_0=1 sem_op_0=2 sem_flg_0=1(IPC_NOWAIT) sem_num_1=0 sem_op_1=0 sem_flg_1=0 semid={id}",
    ),
    "setsockopt": (
        "s = socket.socket(); call(54, s.fileno(), 1, 20, memory('qq', 2, 500000), 16); tell(fd=s.fileno())",
        "res=0 fd={fd}(<4t>) level=1(SOL_SOCKET) optname=20(SO_RCVTIMEO) val=2500000000(2.5s) optlen=16",
    ),
    "getsockopt": (
        "s = socket.socket(); call(55, s.fileno(), 1, 3, memory('4x'), memory('I', 4)); tell(fd=s.fileno())",
        "res=0 fd={fd}(<4t>) level=1(SOL_SOCKET) optname=3(SO_TYPE) val=1 optlen=4",
    ),
    "keyctl": (
        "call(250, 10, -4, b'user', b'falco', 0)",
        "res=-126(ENOKEY) operation=10(KEYCTL_SEARCH) arg2=-4 arg3=user arg4=falco arg5=0",
    ),
    "quotactl": (
        "call(179, 0x800002 << 8 | 1, b'/dev/nowhere', 2, b'/quota')",
        "res=-2(ENOENT) special=/dev/nowhere quotafilepath=/quota dqb_bhardlimit=0 .* cmd=1(Q_QUOTAON) "
        "type=2(GRPQUOTA) id=0 quota_fmt=4(QFMT_VFS_V0)",
    ),
    "sendfile": (
        "f = os.open('/etc/passwd', 0); g = os.open('/dev/null', 1); call(40, g, f, memory('q', 3), 4); tell(f=f, g=g)",
        "res=4 offset=7 out_fd={g}(<f>/dev/null) in_fd={f} size=4",
    ),
    "copy_file_range": (
        "f = os.open('/etc/passwd', 0); g = os.memfd_create('x'); "
        "call(326, f, memory('q', 3), g, memory('q', 5), 4, 0); tell(f=f, g=g)",
        "res=-?[0-9]+.* fdout={g}.* offout=[59] fdin={f} offin=[37] len=4",
    ),
    "eventfd": ("tell(fd=call(284, 3))", "res={fd}(<e>[[]eventfd]) initval=3 flags=0"),
    "inotify_init": ("tell(fd=call(253))", "res={fd}(<i>inotify) flags=0"),
    "signalfd": (
        "tell(fd=call(282, -1, memory('Q', 1 << 9), 8))",
        "res={fd}(<s>[[]signalfd]) fd=-1(EPERM) mask=0 flags=0",
    ),
    "brk": ("call(12, 0)", "res=[0-9A-F]+ vm_size=[0-9]+ vm_rss=[0-9]+ vm_swap=0 addr=0"),
    "munmap": ("call(11, 4096, 4096)", "res=0 vm_size=[0-9]+ vm_rss=[0-9]+ vm_swap=0 addr=1000 length=4096"),
    "fchmodat2": (
        "call(452, -100, b'/nowhere/x', 0o600, 0x100)",
        "res=-2(ENOENT) dirfd=-100(AT_FDCWD) filename=/nowhere/x mode=0600(S_IWUSR|S_IRUSR) "
        "flags=1024(AT_SYMLINK_NOFOLLOW)",
    ),
    "preadv2": (
        "f = os.open('/etc/passwd', 0); b = memory('4x'); "
        "call(327, f, memory('PQ', ctypes.addressof(b), 4), 1, 2, 0, 0); tell(f=f)",
        "res=4 size=4 data=.* fd={f}(<f>/etc/passwd) pos=2",
    ),
}


@pytest.fixture(scope="module")
def told(sources, machine) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Return what the program told of each call, and evt.args of the events of its type."""
    names = ", ".join(CALLS)
    source, matches = opened(sources, f"evt.type in ({names})", "evt.args")
    parts = [f"tell(of={name!r})\n{script}" for name, (script, _) in CALLS.items()]
    truth: dict[str, dict[str, Any]] = {}
    for line in run("\n".join(parts)):
        of = line.get("of", next(reversed(truth), ""))
        truth[of] = truth.get(of, {}) | line
    args: dict[str, list[str]] = {}
    for event in events(source, matches):
        args.setdefault(event.type, []).append(GET["evt.args"](event, None))
    return {name: (truth[name], args.get(name, [])) for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_parameters(told, name):
    """An event has what its caller passed and what the call returned, in Falco's form."""
    truth, found = told[name]
    expected = CALLS[name][1]
    for key, value in truth.items():
        expected = expected.replace(f"{{{key}}}", str(value))
        for index, item in enumerate(value if isinstance(value, list) else ()):
            expected = expected.replace(f"{{{key}[{index}]}}", str(item))
    pattern = re.sub(r"([()|])", r"\\\1", expected)

    assert [] != [args for args in found if re.fullmatch(pattern, args)], found


#: The program reads its own numbers just before and behind the marked call.
RESOURCES = """
held = [os.open('/dev/null', 0) for _ in range(5)]
import threading
gate = threading.Event()
threads = [threading.Thread(target=gate.wait) for _ in range(3)]
for thread in threads: thread.start()
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
stat = open('/proc/self/task/%d/stat' % os.getpid()).read().rpartition(')')[2].split()
call(146, 1)
limit = call(97, 7, r := memory('QQ', 0, 0)) or struct.unpack('qq', r.raw[:16])[0]
tell(size=int(status['VmSize'].split()[0]), rss=int(status['VmRSS'].split()[0]), threads=int(status['Threads']),
     fds=len(os.listdir('/proc/self/fd')) - 1, limit=limit, minor=int(stat[7]), major=int(stat[9]))
gate.set()
"""


def test_resources(sources, machine):
    """Memory, page faults, threads and descriptors of the process are those that /proc shows."""
    names = (
        *("proc.vmsize", "proc.vmrss", "proc.vmswap", "proc.nthreads", "proc.nchilds", "proc.fdopencount"),
        *("proc.fdlimit", "proc.fdusage", "thread.vmsize", "thread.vmrss", "thread.pfminor", "thread.pfmajor"),
    )
    source, matches = opened(sources, "evt.type = sched_get_priority_max", *names)
    (truth,) = run(RESOURCES)
    ((size, rss, swap, threads, others, fds, limit, usage, own_size, own_rss, minor, major),) = [
        tuple(GET[name](event, None) for name in names) for event in events(source, matches)
    ]

    assert (truth["threads"], truth["threads"] - 1) == (threads, others) == (4, 3)
    assert (truth["fds"], truth["limit"], 0) == (fds, limit, swap)
    assert pytest.approx(100 * truth["fds"] / truth["limit"]) == usage
    assert truth["size"] == pytest.approx(size, abs=1024)
    assert truth["rss"] == pytest.approx(rss, abs=8192)  # counted in batches
    assert (size, rss) == (own_size, own_rss)
    assert truth["minor"] <= minor <= truth["minor"] + 500
    assert truth["major"] <= major


def test_resources_of_an_exec(sources):
    """An exec's parameters say what its process uses."""
    source, matches = opened(sources, "evt.type = execve", "evt.args")
    run("")
    (args,) = [GET["evt.args"](event, None) for event in events(source, matches)]

    assert re.search(r" fdlimit=\d\d+ pgft_maj=\d+ pgft_min=[1-9]\d* vm_size=[1-9]\d* vm_rss=\d+ vm_swap=0 ", args)


STREAMS = tuple(f"proc.{stream}.{part}" for stream in ("stdin", "stdout", "stderr") for part in ("type", "name"))


def test_streams_of_short_lives(sources, tmp_path):
    """What a program has for standard input, output and error is known however short it lives, and all types."""
    marked = tmp_path / MARK
    marked.touch()
    source, matches = opened(sources, "evt.type in (execve, openat)", *STREAMS, "fd.types")
    for _ in range(10):
        with (tmp_path / "out").open("w") as out:
            subprocess.run(["cat", marked], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.DEVNULL, check=True)
    names = (*STREAMS, "fd.types")
    found = [
        (event.type, tuple(GET[name](event, None) for name in names))
        for event in events(source, matches)
        if event.type == "execve" or event.fdpath == str(marked)
    ]

    assert ["execve", "openat"] * 10 == [kind for kind, _ in found]
    for kind, (stdin, pipe, *rest, types) in found:
        assert ["file", str(tmp_path / "out"), "file", "/dev/null"] == rest
        assert ("pipe", True) == (stdin, bool(re.fullmatch(r"pipe:\[\d+\]", pipe)))
        assert (("file", "pipe") if kind == "openat" else None) == types


TYPES = """
import socket
families = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK
kept = [socket.socket(family, socket.SOCK_DGRAM) for family in families]
kept += [call(284, 0), call(253), call(282, -1, memory('Q', 512), 8), call(213, 1), call(283, 1, 0)]
kept += [call(434, os.getpid(), 0)]
kept += [os.memfd_create('x'), os.pipe(), os.open('/', 0), call(323, 1), call(425, 1, memory('120x'))]
call(146, 1)
tell(missing=[name for name, fd in (('userfaultfd', kept[-2]), ('io_uring', kept[-1])) if fd < 0])
"""


def test_types_of_descriptors(sources, machine):
    """fd.types has each type of descriptor that the process has open."""
    source, matches = opened(sources, "evt.type = sched_get_priority_max", "fd.types")
    (truth,) = run(TYPES, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (event,) = events(source, matches)
    bits = event.open_types
    every = {
        *("ipv4", "ipv6", "unix", "netlink", "event", "inotify", "signalfd", "eventpoll", "timerfd", "pidfd", "memfd"),
        *("pipe", "directory", "file", "userfaultfd", "io_uring"),
    }

    assert every - set(truth["missing"]) == set(bits)


POLLED = """
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
f = os.open('/etc/passwd', 0)
call(7, memory('ihhihhihh', f, 1, 0, client.fileno(), 1, 0, server.fileno(), 1, 0), 3, 0)
tell(nums=[f, client.fileno(), server.fileno()], client=client.getsockname()[1], server=server.getsockname()[1])
"""


def test_polled_descriptors(sources, machine):
    """fdlist.* names the descriptors of a poll, and the ends of its sockets."""
    names = tuple(f"fdlist.{name}" for name in ("nums", "names", "cips", "sips", "cports", "sports"))
    source, matches = opened(sources, "evt.type in (poll, connect)", *names)
    (truth,) = run(POLLED)
    nums, named, cips, sips, cports, sports = next(
        tuple(GET[name](event, None) for name in names) for event in events(source, matches) if event.type == "poll"
    )
    client, server = truth["client"], truth["server"]

    assert ",".join(map(str, truth["nums"])) == nums
    assert f"/etc/passwd,127.0.0.1:{client}->127.0.0.1:{server},127.0.0.1:{server}" == named
    assert ("127.0.0.1", "127.0.0.1,127.0.0.1") == (cips, sips)
    assert (str(client), f"{server},{server}") == (cports, sports)


CLOSES = """
f = os.open('/etc/passwd', 0)
s = socket.create_server(('127.0.0.1', 0))
tell(f=f, s=s.fileno(), port=s.getsockname()[1])
os.close(f); s.close(); call(3, 999)
"""


def test_close(sources, machine):
    """A close tells of the file or socket that it closes, which is gone when it returns."""
    source, matches = opened(sources, "evt.type = close", "fd.name", "fd.type", "evt.res")
    (truth,) = run(CLOSES)
    found = [
        tuple(GET[n](e, None) for n in ("fd.num", "fd.type", "fd.name", "evt.res")) for e in events(source, matches)
    ]

    assert (truth["f"], "file", "/etc/passwd", "SUCCESS") in found
    assert (truth["s"], "ipv4", f"127.0.0.1:{truth['port']}", "SUCCESS") in found
    assert (999, None, "", "EBADF") in found


def test_filtered_closes(sources, machine):
    """Closes of other files do not leave the kernel."""
    source, matches = opened(sources, "evt.type = close and fd.name = /etc/passwd")
    before = source.stats().received
    run("for _ in range(1000): os.close(os.open('/dev/null', 0))\nos.close(os.open('/etc/passwd', 0))")
    found = [event.fdpath for event in events(source, matches)]

    assert {"/etc/passwd"} == set(found)
    assert source.stats().received - before < 500


def test_signals(sources, machine):
    """A delivered signal tells who sent it, to whom, and which."""
    source, matches = opened(sources, "evt.type = signaldeliver", "evt.args", "evt.dir", "syscall.type", "evt.res")
    (truth,) = run("signal.signal(10, lambda *_: None); os.kill(os.getpid(), 10); tell(pid=os.getpid())")
    names = ("evt.args", "evt.dir", "syscall.type", "evt.res", "proc.pid")
    found = [tuple(GET[name](event, None) for name in names) for event in events(source, matches)]
    pid, name = truth["pid"], Path(sys.executable).name

    assert (f"spid={pid}({name}) dpid={pid}({name}) sig=10(SIGUSR1)", ">", None, None, pid) in found


def test_switches(sources, machine):
    """Each time the process waits, another thread gets its processor; it is known how long it had it."""
    source, matches = opened(sources, "evt.type = switch", "evt.args", "thread.exectime", "thread.totexectime")
    run("for _ in range(20): time.sleep(0.002)")
    names = ("evt.args", "thread.exectime", "thread.totexectime")
    found = [tuple(GET[name](event, None) for name in names) for event in events(source, matches)]

    assert 20 <= len(found)
    pattern = r"next=\d+(\(.*\))? pgft_maj=\d+ pgft_min=[1-9]\d* vm_size=[1-9]\d* vm_rss=\d+ vm_swap=0"
    assert any(re.fullmatch(pattern, args) for args, *_ in found)  # when it ends it has no memory any more
    assert 0 < found[-1][1] <= found[-1][2]
    assert sorted(total for *_, total in found) == [total for *_, total in found]


def test_page_faults(sources, machine):
    """A missing page is told with its address and what the program wanted of it."""
    source, matches = opened(sources, "evt.type = page_fault", "evt.args")
    script = """
    import mmap
    m = mmap.mmap(-1, 1 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(m))
    m[8192] = 1
    tell(page=address + 8192)"""
    (truth,) = run("\n".join(line.strip() for line in script.splitlines()))
    found = [GET["evt.args"](event, None) for event in events(source, matches)]
    page = f"{truth['page']:X}"

    assert any(
        re.fullmatch(rf"addr={page} ip=[0-9A-F]+ error=\d+\(PAGE_NOT_PRESENT\|WRITE_ACCESS\|USER_FAULT\)", one)
        for one in found
    ), [one for one in found if page[:-3] in one]


def test_pids_in_a_namespace(sources, machine):
    """The first process of a pid namespace has the pid 1 there, from the fork that made it on."""
    source, matches = opened(sources, "evt.type in (clone, clone3, fork) and evt.rawres = 0", "proc.vpid", "proc.pvpid")
    (truth,) = run("""
libc.unshare(0x20000000)
if os.fork() == 0:
    if os.fork() == 0:
        tell(inside=[os.getpid(), os.getppid()])
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()""")
    first, second = [
        (GET["proc.vpid"](event, None), GET["proc.pvpid"](event, None)) for event in events(source, matches)
    ]

    assert (1, truth["inside"][1]) == (first[0], second[1])
    assert truth["inside"][0] == second[0] == 2


def test_events_are_about_their_process(sources, machine):
    """An alert for an event of which resources were collected is about its process, as any other."""
    source, matches = opened(sources, "evt.type = sched_get_priority_max", "proc.vmrss", "proc.stdin.name")
    (truth,) = run("call(146, 1); tell(pid=os.getpid())")
    ((subject,),) = [subjects_of(event) for event in events(source, matches)]

    assert isinstance(subject, ProcessSubject)
    assert truth["pid"] == subject.pid

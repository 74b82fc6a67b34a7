"""Fields on this machine's kernel, compared with what the program itself says, and with /proc."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from live import GET, MARK, events, opened, run

from falcohost.events import subjects_of
from falcohost.subject import ProcessSubject

pytestmark = pytest.mark.usefixtures("end")

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


HIGH_PORTS = """
def high(first):
    while True:
        one = socket.socket(socket.AF_INET)
        one.bind(('127.0.0.1', 0))
        if one.getsockname()[1] >= 32768 and first(one) is None: return one
        kept.append(one)
def listened(one):
    one.listen(5)
    one.shutdown(socket.SHUT_RD)
kept = []
server = high(lambda one: one.listen(5))
for first in (lambda one: None, listened):
    client = high(first)
    client.connect(server.getsockname())
    accepted, _ = server.accept()
    client.send(b'x')
    accepted.recv(1)
    tell(ports=[server.getsockname()[1], client.getsockname()[1]])
"""
ENDS = ("fd.sport", "fd.cport", "fd.is_server")


def test_ends_with_high_ports(sources, machine):
    """Which end of TCP accepted is known where neither port tells, also if the other end has listened before."""
    source, matches = opened(sources, "evt.type in (sendto, recvfrom) and fd.type = ipv4", *ENDS)
    wanted = [(*told["ports"], is_server) for told in run(HIGH_PORTS) for is_server in (False, True)]

    assert wanted == [tuple(GET[name](event, None) for name in ENDS) for event in events(source, matches)]

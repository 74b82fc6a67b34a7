"""What is compared with Falco 0.44 on the same captures: numbers of events, times, and fields at the edges."""

import struct

import pytest
from workload import captures

from falcohost import Plan
from falcohost.engine.event_fields import GENERIC_FIELDS, hostname
from falcohost.engine.times import SECOND
from falcohost_syscall.drivers.replay.driver import Replay
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.scap.lists import ListedInterface
from falcohost_syscall.scap.writing.lists import interfaces

GENERIC = {field.name: field for field in GENERIC_FIELDS}
SHOWN = {field.name: field.shown for field in FIELDS}
BASH = captures.thread(7, 7, 1, b"bash", exe=b"bash")
MACHINE = captures.block(0x201, struct.pack("<IQQ128s4Q", 2, 1 << 33, 32768, b"web-1", 0, 0, 0, 0))
#: CONTAINER_E, the oldest type that tells of a container.
CONTAINER = captures.old_event(228, 7, b"5ea733068030\0", bytes(4), b"web\0", b"nginx\0")
CLOSE = captures.event("close", 7, res=0, fd=3)


def listed(*threads):
    """Return the block that lists threads."""
    return captures.block(captures.PROCESSES, b"".join(threads))


def generic(driver, *names):
    """Return the type of each event, and fields that events of all sources have."""
    return [
        (event.type, *(GENERIC[name].get(event, None) for name in names))
        for batch in driver.batches()
        for event in batch.events
    ]


@pytest.mark.parametrize("again", [False, True])
def test_containers_at_the_beginning(replayed, again):
    """What tells of containers at the beginning of a capture, in an old form, too, is no event for rules."""
    before = [captures.section()] if again else []
    driver = replayed(*before, CONTAINER, CLOSE, CONTAINER)

    assert [("close", 2), ("container", 3)] == generic(driver, "evt.num")


def test_seconds_since_the_first_call(replayed):
    """``evt.reltime`` counts from the first event of a call, whatever else is before it, and whatever rules ask for."""
    first, second = (captures.at(captures.TS + number * SECOND, CLOSE) for number in (5, 7))
    shutdown = captures.at(captures.TS + 8 * SECOND, captures.event("shutdown", 7, res=0))
    capture = (captures.event("procinfo", 7, cpu_usr=1, cpu_sys=1), first, second, shutdown)

    assert [("procinfo", None), ("close", 0), ("close", 2), ("shutdown", 3)] == generic(
        replayed(*capture), "evt.reltime.s"
    )
    only = Plan("syscall", event_types=frozenset({"shutdown"}))
    assert [("shutdown", 3)] == generic(replayed(*capture, plan=only), "evt.reltime.s")


def test_what_no_call_causes_is_asynchronous(replayed):
    """Events that Falco writes itself are asynchronous, and an event for rules, ``scapevent`` among them."""
    own = captures.event("scapevent", 7, event_type=1, event_data=0)

    assert [("close", False, None), ("scapevent", True, "scapevent")] == generic(
        replayed(CLOSE, own), "evt.is_async", "evt.asynctype"
    )


def test_the_name_of_the_machine(replayed):
    """``evt.hostname`` is that of the captured machine, and empty where the capture does not tell it."""
    assert [("close", "web-1")] == generic(replayed(MACHINE, CLOSE), "evt.hostname")
    assert [("close", "")] == generic(replayed(CLOSE), "evt.hostname")
    assert hostname() == GENERIC["evt.hostname"].get(object(), None)


@pytest.mark.parametrize(("args", "line"), [(b"\0", "sshd"), (b"\0\0", "sshd  "), (b"-D\0", "sshd -D")])
def test_empty_arguments(replayed, shown, args, line):
    """One empty argument is none in a command line, as in Falco; two are."""
    sshd = captures.thread(7, 7, 1, b"sshd", exe=b"sshd: me", args=args)

    assert [("close", line)] == shown(replayed(listed(sshd), CLOSE), "proc.cmdline")


@pytest.mark.parametrize(
    ("parent", "grandparent", "text"), [(b"", b"/bin/b", "/bin/b"), (b"/bin/a", b"", "/bin/a "), (b"", b"", None)]
)
def test_executables_of_ancestors_that_are_not_known(replayed, parent, grandparent, text):
    """In the text of all ancestors, no blank is behind nothing."""
    above = (captures.thread(3, 3, 0, b"b", exepath=grandparent), captures.thread(5, 5, 3, b"a", exepath=parent))
    driver = replayed(listed(*above, captures.thread(7, 7, 5, b"c")), CLOSE)
    shown = SHOWN["proc.aexepath"]
    assert shown is not None

    assert [text] == [shown(event, None) for batch in driver.batches() for event in batch.events]


@pytest.mark.parametrize(("returned", "connected"), [(0, True), (-115, True), (-111, False)])
def test_a_connect_in_progress_counts_as_connected(replayed, shown, returned, connected):
    """A connect that goes on (EINPROGRESS) has connected its socket."""
    ends = b"\2\x0a\0\0\1\1\1\x0a\0\0\2\2\2"
    driver = replayed(
        captures.event("socket", 7, fd=3, domain=2, type=1, proto=6, flags=0),
        captures.event("connect", 7, res=returned, tuple=ends, fd=3, addr=b""),
    )

    assert ("connect", connected) == shown(driver, "fd.connected")[1]


def test_a_datagram_goes_where_it_is_sent(replayed, shown):
    """A datagram that is sent elsewhere than its socket is connected to has that address."""
    own, first, other = (bytes(15) + bytes([number]) for number in (1, 2, 3))
    connected, sent = (b"\x0a" + own + b"\1\1" + to + b"\2\2" for to in (first, other))
    driver = replayed(
        captures.event("socket", 7, fd=3, domain=10, type=2, proto=17, flags=0),
        captures.event("connect", 7, res=0, tuple=connected, fd=3, addr=b""),
        captures.event("sendto", 7, res=1, data=b"a", fd=3, size=1, tuple=sent),
    )

    assert ["", "::1:257->::2:514", "::1:257->::3:514"] == [name for _, name in shown(driver, "fd.name")]


@pytest.mark.parametrize(
    ("protocol", "kind", "name"),
    [(17, 2, "10.0.0.5:4000->10.0.0.9:53"), (1, 3, "10.0.0.5->10.0.0.9"), (1, 2, "10.0.0.5->10.0.0.9")],
)
def test_protocols_without_ports(replayed, shown, protocol, kind, name):
    """The name of a socket of ICMP has no ports; the number that the kernel has there is the protocol's."""
    ends = b"\2" + bytes((10, 0, 0, 5)) + b"\xa0\x0f" + bytes((10, 0, 0, 9)) + b"\x35\0"
    driver = replayed(
        captures.event("socket", 7, fd=3, domain=2, type=kind, proto=protocol, flags=0),
        captures.event("sendto", 7, res=1, data=b"a", fd=3, size=1, tuple=ends),
    )

    assert ("sendto", name) == shown(driver, "fd.name")[1]


def test_an_end_without_address_is_this_machine(replayed, shown):
    """Where the kernel tells no address of this end, it is the one from which the machine reaches the other end."""
    received = b"\2" + b"\x7f\0\0\1" + b"\xf6\xbb" + bytes(4) + b"\x57\xa4"
    driver = replayed(
        interfaces([ListedInterface(b"\x7f\0\0\1", b"\xff\0\0\0", b"lo")]),
        captures.event("socket", 7, fd=3, domain=2, type=2, proto=0, flags=0),
        captures.event("sendto", 7, res=1, data=b"a", fd=3, size=1, tuple=b"\2" + received[7:] + received[1:7]),
        captures.event("recvmsg", 7, res=1, size=1, data=b"a", tuple=received, msgcontrol=b"", fd=3),
    )

    assert ["127.0.0.1:42071->127.0.0.1:48118"] * 2 == [name for _, name in shown(driver, "fd.name")[1:]]


def test_a_descriptor_that_is_another_by_now(replayed, shown):
    """Where what made a socket was lost, what is received corrects what stood there; a connect has its ends."""
    ipv4 = b"\2" + b"\x7f\0\0\1" + b"\1\1" + b"\x7f\0\0\1" + b"\2\2"
    ipv6 = b"\x0a" + (bytes(15) + b"\1" + b"\1\1") * 2
    unix = b"\1" + bytes(16) + b"/run/x\0"
    received = {"res": 1, "data": b"a", "size": 1}
    driver = replayed(
        captures.event("memfd_create", 7, fd=3, name=b"x", flags=0),
        captures.event("recvfrom", 7, fd=3, tuple=ipv4, **received),
        captures.event("accept", 7, fd=5, tuple=ipv6, queuepct=0, queuelen=0, queuemax=0),
        captures.event("recvfrom", 7, fd=5, tuple=unix, **received),
        captures.event("connect", 7, res=0, tuple=ipv4, fd=9, addr=b""),
    )

    assert [
        ("memfd_create", "memfd", "x"),
        ("recvfrom", "ipv4", "127.0.0.1:257->127.0.0.1:514"),
        ("accept", "ipv6", "::1:257->::1:257"),
        ("recvfrom", "unix", "0->0 /run/x"),
        ("connect", None, "127.0.0.1:257->127.0.0.1:514"),
    ] == shown(driver, "fd.type", "fd.name")


def test_a_copy_of_what_is_not_known(replayed, shown):
    """A fcntl that duplicates a descriptor has the new one, and the old one where that is not known."""
    copy = {"cmd": 1, "arg": 0}
    driver = replayed(
        captures.event("memfd_create", 7, fd=3, name=b"x", flags=0),
        captures.event("fcntl", 7, res=5, fd=3, **copy),
        captures.event("fcntl", 7, res=6, fd=9, **copy),
    )

    assert [("fcntl", 5, "memfd"), ("fcntl", 9, None)] == shown(driver, "fd.num", "fd.type")[1:]


@pytest.mark.parametrize(
    ("passed", "name"), [(b"dev/mem", "./dev/mem"), (b"../dev/./mem", "./dev/mem"), (b"/dev/mem", "/dev/mem")]
)
def test_a_directory_that_is_not_known(replayed, shown, passed, name):
    """A path that is relative to a working directory of which the capture does not tell is not made one of the root."""
    opened = {"mode": 0, "dev": 0, "ino": 0, "flags": 1}
    driver = replayed(captures.event("openat", 99, fd=3, dirfd=-100, name=passed, **opened))

    assert [("openat", name)] == shown(driver, "fd.name")


@pytest.mark.parametrize(("call", "more"), [("dup", {}), ("dup2", {"newfd": 6}), ("dup3", {"newfd": 6, "flags": 0})])
def test_copies_and_what_was_to_be_one(replayed, shown, call, more):
    """So have dup and its like, and those that fail the one that was passed."""
    driver = replayed(
        captures.event("memfd_create", 7, fd=3, name=b"x", flags=0),
        captures.event(call, 7, res=6, oldfd=3, **more),
        captures.event(call, 7, res=6, oldfd=9, **more),
        captures.event(call, 7, res=-22, oldfd=3, **more),
        captures.event(call, 7, res=-9, oldfd=9, **more),
    )

    assert [(6, "memfd"), (9, None), (3, "memfd"), (9, None)] == [
        found[1:] for found in shown(driver, "fd.num", "fd.type")[1:]
    ]


def test_no_address_counts_as_one_of_ipv4(replayed, shown):
    """An IPv6 socket without an address that sends to a mapped IPv4 address is one of IPv4."""
    ends = b"\x0a" + bytes(16) + b"\x57\xa4" + bytes(10) + b"\xff\xff\x7f\0\0\1" + b"\x35\0"
    driver = replayed(
        captures.event("socket", 7, fd=3, domain=10, type=2, proto=0, flags=0),
        captures.event("sendto", 7, res=1, data=b"a", fd=3, size=1, tuple=ends),
    )

    assert ("sendto", "ipv4", "0.0.0.0:42071->127.0.0.1:53") == shown(driver, "fd.type", "fd.name")[1]


def test_an_error_of_a_socket_is_negative(replayed, shown):
    """The value of SO_ERROR is shown as an error, as returned ones are."""
    failed = captures.event("getsockopt", 7, res=0, fd=3, level=1, optname=4, val=b"\1" + captures.i64(-111), optlen=4)

    ((_, value, all_of_them),) = shown(replayed(failed), "evt.arg[val]", "evt.args")
    assert "ECONNREFUSED" == value
    assert "val=-111(ECONNREFUSED)" in all_of_them


def test_a_file_in_memory_that_an_exec_closes(replayed, shown):
    """A memfd that was made with MFD_CLOEXEC is gone after an exec."""
    made = (captures.event("memfd_create", 7, fd=fd, name=b"m", flags=bits) for fd, bits in ((3, 0), (4, 1)))
    driver = replayed(listed(BASH), *made, captures.event("execve", 7, res=0, exe=b"b", tid=7, pid=7, comm=b"b"))

    assert ("execve", 1) == shown(driver, "proc.fdopencount")[-1]


def test_calls_that_copy_between_files(replayed, shown):
    """A splice is about the descriptor that it writes to; a copy of a range both reads and writes."""
    splice = captures.event("splice", 7, res=1, fd_in=3, fd_out=4, size=1, flags=0)
    copied = captures.event("copy_file_range", 7, res=1, fdout=4, offout=0, fdin=3, offin=0, len=1)
    names = ("fd.num", "evt.is_io", "evt.is_io_read", "evt.is_io_write", "evt.io_dir")

    assert [("splice", 4, False, False, False, None), ("copy_file_range", 4, True, True, True, "write")] == shown(
        replayed(splice, copied), *names
    )


def test_a_thread_whose_flags_are_garbage(replayed, shown):
    """A new task with the number of another process is a thread of it, whatever its flags say; the process stays."""
    own = {"exe": b"runc", "args": b"init\0", "comm": b"runc", "cgroups": b"", "vtid": 3, "vpid": 1}
    driver = replayed(
        listed(
            captures.thread(5, 5, 1, b"conmon", exe=b"conmon"),
            captures.thread(10, 10, 5, b"runc", exe=b"runc"),
            captures.thread(20, 20, 10, b"init", exe=b"runc"),
        ),
        captures.event("clone3", 21, res=0, tid=21, pid=20, ptid=10, flags=0x20000000, **own),
        captures.event("procexit", 10, status=0, ret=0, sig=0, core=0, reaper_tid=5),
        captures.event("execve", 20, res=0, exe=b"sh", args=b"", tid=20, pid=20, ptid=5, comm=b"sh"),
    )

    assert ("execve", "sh", 5, "conmon") == shown(driver, "proc.name", "proc.ppid", "proc.pname")[-1]


def test_all_that_a_poll_has_found(replayed, shown):
    """The bits of ``POLLRDNORM`` and its like are shown, too."""
    found = struct.pack("<Hqh", 1, 4, 0x204)

    assert [("poll", "4:o204")] == shown(
        replayed(captures.event("poll", 7, res=1, fds=found, timeout=0)), "evt.arg[fds]"
    )


def test_leaders_by_the_name_of_their_main_thread(replayed, shown):
    """A group's name is that of its leader's main thread; where only the namespace's number is known, that is used."""
    other = captures.thread(8, 7, 1, b"gmain", exe=b"bash")
    old = [entry[:-8] + captures.i64(-1) for entry in (BASH, other)]
    event = captures.event("close", 8, res=0, fd=3)

    assert [("close", "gmain", "bash", "bash")] == shown(
        replayed(listed(BASH, other), event), "proc.name", "proc.vpgid.name", "proc.pgid.name"
    )
    assert [("close", "bash", "")] == shown(replayed(listed(*old), event), "proc.vpgid.name", "proc.pgid.name")


def test_seconds_of_a_capture_for_simulated_drops(tmp_path):
    """A replay for simulated drops counts the seconds of the capture, as Falco does; others count none."""
    path = tmp_path / "made.scap"
    blocks = (captures.at(captures.TS + number * 1_001_000_000, CLOSE) for number in range(10))
    path.write_bytes(captures.section() + b"".join(blocks))

    def elapsed(**settings):
        driver = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(path)}}, **settings})
        driver.open(Plan("syscall"))
        assert 10 == sum(1 for batch in driver.batches() for _ in batch.events)
        return driver.stats().elapsed

    assert 9 == elapsed(syscall_event_drops={"simulate_drops": True})
    assert elapsed(syscall_event_drops={"simulate_drops": False}) is None
    assert elapsed() is None


IDS = [("getuid", "uid"), ("geteuid", "euid"), ("getgid", "gid"), ("getegid", "egid")]


@pytest.mark.parametrize(("name", "param"), IDS)
def test_ids_are_results(replayed, shown, name, param):
    """Calls that return an id have it as their result, and never fail."""
    asked = captures.event(name, 7, **{param: 0xFFFFFFFE})

    assert [(name, 0xFFFFFFFE, False)] == shown(replayed(listed(BASH), asked), "evt.rawres", "evt.failed")

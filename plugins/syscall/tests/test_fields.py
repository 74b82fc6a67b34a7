"""Fields and parameters of events made by hand."""

from __future__ import annotations

import os
import stat
from ipaddress import IPv4Address
from socket import AF_INET, AF_UNIX

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost.engine.catalog import Catalog
from falcohost.engine.template import Template
from falcohost.testing.values import arguments, wrong_value
from falcohost_syscall import records as R
from falcohost_syscall.calls import CALLS
from falcohost_syscall.fields import FIELDS
from falcohost_syscall.source import SyscallSource

CATALOG = Catalog("syscall", FIELDS)
FIELD = {field.name: field for field in FIELDS}
BASH = Task(5_000_001, start=5_000_001, ppid=1, comm=b"bash")
CONTAINER = "0123456789abcdef" * 4


@pytest.fixture
def source():
    """Return a source that was never opened, to be fed by hand."""
    source = SyscallSource({})
    source._types = frozenset(row.name for row in CALLS)
    source._track_destinations = True
    return source


@pytest.fixture
def one(source):
    """Return a function that takes records and returns the last event."""
    return lambda *records: list(source._events(list(records)))[-1]


def get(event, name, arg=None):
    """Return a field's value."""
    return FIELD[name].get(event, arg)


def opened(path=b"/etc/shadow", *, flags=0, ret=3, kernel=None, directory=None, fmode=0, layer=0, args=()):
    """Return a record of openat."""
    sections = {R.SEC_PATH: path}
    if directory is not None:
        sections[R.SEC_DIR] = directory
    if ret >= 0:
        sections |= {R.SEC_FD: handmade.fdinfo(ret, fmode=fmode, layer=layer), R.SEC_FDPATH: kernel or path}
    return handmade.call("openat", BASH, ret, args or (-100, 0, flags, 0o644), sections)


def address(ip, port):
    """Return a struct sockaddr_in."""
    numbers = bytes(int(part) for part in ip.split("."))
    return AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + numbers + bytes(8)


def test_args_of_an_open(one):
    """Parameters are shown as Falco shows them: raw, and resolved in brackets."""
    event = one(opened(flags=os.O_CREAT | os.O_WRONLY | os.O_TRUNC, fmode=0x100000, layer=1))

    assert (
        "fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc/shadow "
        "flags=49414(O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER) mode=0644 dev=FE00 ino=42"
    ) == get(event, "evt.args")
    assert get(event, "evt.is_open_write") is True
    assert get(event, "evt.is_open_read") is False
    assert get(event, "evt.is_open_create") is True


def test_args_of_a_failed_open(one):
    """An error is shown by its name, and the mode is nothing where nothing would be made."""
    event = one(opened(b"x", ret=-2, directory=b"/tmp/a"))

    assert ("fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=x(/tmp/a/x) flags=1(O_RDONLY) mode=0 dev=0 ino=0") == get(
        event, "evt.args"
    )
    assert (get(event, "evt.res"), get(event, "evt.rawres"), get(event, "evt.failed")) == ("ENOENT", -2, True)


def test_file_of_an_exec(one):
    """The file that was to be executed is shown as passed, and made whole."""
    sections = {R.SEC_PATH: b"./x", R.SEC_DIR: b"/tmp"}
    event = one(handmade.call("execve", BASH, -2, (), sections))

    assert "/tmp/x" == get(event, "evt.arg", "filename")
    assert get(event, "evt.args").endswith(" filename=./x(/tmp/x)")


@pytest.mark.parametrize(
    ("arg", "text"),
    [("name", "/tmp/x"), ("flags", "O_RDONLY"), (2, "/tmp/x"), (0, "ENOENT"), (99, None), ("uid", None)],
)
def test_one_parameter(one, arg, text):
    """A parameter is asked for by name or place; one that the event has not is absent."""
    assert text == get(one(opened(b"x", ret=-2, directory=b"/tmp")), "evt.arg", arg)


def test_raw_parameter_is_a_number(one):
    """The raw value of flags is Falco's number."""
    assert 2 == get(one(opened(flags=os.O_WRONLY)), "evt.rawarg", "flags")


def test_name_is_what_the_kernel_opened(one):
    """An opened file has the name that the kernel found; as passed it is in fd.nameraw."""
    event = one(opened(b"../lnk", kernel=b"/etc/shadow", directory=b"/tmp/a"))

    names = ("fd.name", "fd.nameraw", "fs.path.name")

    assert ("/etc/shadow", "../lnk", "/etc/shadow") == tuple(get(event, name) for name in names)
    assert (get(event, "fd.directory"), get(event, "fd.filename")) == ("/etc", "shadow")


def test_name_of_a_failed_open(one):
    """A file that was not opened has the name that was asked for, made absolute."""
    event = one(opened(b"./a/../b", ret=-13, directory=b"/srv"))

    assert ("/srv/b", "/srv", None) == tuple(get(event, f"fd.{what}") for what in ("name", "directory", "filename"))


@pytest.mark.parametrize(
    ("name", "args", "number", "char"),
    [
        ("openat", (-100,), -1, "f"),
        ("socket", (999,), -1, "4"),
        ("pipe2", (0,), -1, "p"),
        ("socketpair", (2,), -1, "o"),
        ("eventfd2", (0,), -1, "e"),
        ("memfd_create", (0,), -1, "o"),
        ("dup", (99,), -1, "o"),
        ("fcntl", (97,), 97, "o"),
        ("unlinkat", (-100,), -100, "o"),
    ],
)
def test_descriptor_of_a_failed_call(one, name, args, number, char):
    """A call that failed made no descriptor: it has no type, its character is the call's, a new one has number -1."""
    event = one(handmade.call(name, BASH, -22, args))

    assert (number, None, char) == tuple(get(event, f"fd.{what}") for what in ("num", "type", "typechar"))


def test_directory_beside_a_path(one):
    """A descriptor beside a path is shown with its directory; what names the working directory has no name itself."""
    sections = {R.SEC_PATH: b"x", R.SEC_DIR: b"/srv", R.SEC_PATH2: b"y", R.SEC_DIR2: b"/tmp"}
    event = one(handmade.call("renameat", BASH, 0, (3, 0, -100, 0), sections))
    removed, here = (one(handmade.call("unlinkat", BASH, 0, (fd, 0, 0), sections)) for fd in (3, -100))

    assert get(event, "evt.args").startswith("res=0 olddirfd=3(<d>/srv) oldpath=x(/srv/x) newdirfd=-100(AT_FDCWD) ")
    assert ("/srv", "") == (get(removed, "fd.name"), get(here, "fd.name"))


def test_unknown_directory(one):
    """Where the descriptor beside a path is none, the path is shown alone."""
    event = one(handmade.call("unlinkat", BASH, -9, (99, 0, 0), {R.SEC_PATH: b"x"}))

    assert "res=-9(EBADF) dirfd=99 name=x(x) flags=0" == get(event, "evt.args")


@pytest.mark.parametrize(
    ("mode", "path", "kind", "char"),
    [
        (stat.S_IFREG, b"/x", "file", "f"),
        (stat.S_IFDIR, b"/x", "directory", "d"),
        (stat.S_IFIFO, b"", "pipe", "p"),
        (stat.S_IFCHR, b"/dev/tty", "file", "f"),
        (0, b"[eventfd]", "event", "e"),
        (0, b"[eventpoll]", "eventpoll", "l"),
        (0, b"bpf-map", "bpf", "b"),
        (0, b"inotify", "inotify", "i"),
        (stat.S_IFREG, b"memfd:x", "memfd", "m"),
    ],
)
def test_types(one, mode, path, kind, char):
    """The type of a descriptor is told by its inode, that of an anonymous one by its name."""
    sections = {R.SEC_FD: handmade.fdinfo(3, mode), R.SEC_FDPATH: path}
    event = one(handmade.call("dup", BASH, 3, (4,), sections))

    assert (kind, char) == (get(event, "fd.type"), get(event, "fd.typechar"))


def test_connect(one):
    """Who connects is the client."""
    sections = {
        R.SEC_FD: handmade.fdinfo(3, stat.S_IFSOCK),
        R.SEC_SOCK: handmade.tcp(("10.0.0.1", 40000), ("1.2.3.4", 443)),
        R.SEC_SOCKADDR: address("1.2.3.4", 443),
    }
    event = one(handmade.call("connect", BASH, 0, (3,), sections))

    assert "10.0.0.1:40000->1.2.3.4:443" == get(event, "fd.name")
    assert "fd=3(<4t>10.0.0.1:40000->1.2.3.4:443) addr=1.2.3.4:443" in get(event, "evt.args")
    assert IPv4Address("1.2.3.4") == get(event, "fd.sip") == get(event, "fd.rip")
    assert (443, 40000, "tcp", "ipv4") == tuple(get(event, f"fd.{x}") for x in ("sport", "cport", "l4proto", "type"))
    assert (get(event, "fd.connected"), get(event, "fd.is_server"), get(event, "fd.sockfamily")) == (True, False, "ip")
    assert (40000, 443) == get(event, "fd.port")


def test_accept(one):
    """Who accepts is the server, also in later events of the socket."""
    sections = {R.SEC_SOCK: handmade.tcp(("10.0.0.1", 40000), ("1.2.3.4", 50000), ino=5)}
    event = one(handmade.call("accept4", BASH, 4, (3,), sections))
    later = one(handmade.call("shutdown", BASH, 0, (4, 1), sections))

    assert "1.2.3.4:50000->10.0.0.1:40000" == get(event, "fd.name") == get(later, "fd.name")
    assert get(event, "fd.is_server") is True


def test_listening_socket(one):
    """A socket that listens has one end, the server's."""
    sections = {R.SEC_SOCK: handmade.tcp(("0.0.0.0", 22), ("0.0.0.0", 0), state=10)}
    event = one(handmade.call("listen", BASH, 0, (3, 5), sections))

    assert ("0.0.0.0:22", 22, None) == (get(event, "fd.name"), get(event, "fd.sport"), get(event, "fd.cport"))


@pytest.mark.parametrize(("ret", "end"), [(1, "1.2.3.4:443"), (-32, "8.8.8.8:53")])
def test_address_that_tcp_does_not_use(one, ret, end):
    """What was sent by TCP went to the end that the socket has, whatever address was passed."""
    sections = {R.SEC_SOCK: handmade.tcp(("10.0.0.1", 40000), ("1.2.3.4", 443)), R.SEC_SOCKADDR: address("8.8.8.8", 53)}

    assert f"10.0.0.1:40000->{end}" == get(one(handmade.call("sendto", BASH, ret, (3, 0, 1), sections)), "fd.name")


def test_datagram_that_goes_elsewhere(one):
    """A datagram to another end than the last one changes the name, one to the same does not."""

    def send(ip):
        sections = {
            R.SEC_SOCK: handmade.tcp(("0.0.0.0", 50000), ("0.0.0.0", 0), kind=2, state=7),
            R.SEC_SOCKADDR: address(ip, 53),
        }
        return handmade.call("sendto", BASH, 1, (3, 0, 1), sections)

    first, again, other = one(send("8.8.8.8")), one(send("8.8.8.8")), one(send("9.9.9.9"))

    assert "0.0.0.0:50000->8.8.8.8:53" == get(first, "fd.name")
    assert [True, False, True] == [get(event, "fd.name_changed") for event in (first, again, other)]
    assert ("udp", False) == (get(first, "fd.l4proto"), get(first, "fd.connected"))


@pytest.mark.parametrize(
    ("path", "name"), [(b"/run/docker.sock\0", "/run/docker.sock"), (b"\0hidden", "@hidden"), (b"", "")]
)
def test_unix_socket(one, path, name):
    """A socket of AF_UNIX has its peer's path as name; an abstract one begins with @."""
    sections = {R.SEC_SOCK: handmade.unix(), R.SEC_SOCKADDR: AF_UNIX.to_bytes(2, "little") + path}
    event = one(handmade.call("connect", BASH, -111, (3,), sections))

    assert (name, "unix") == (get(event, "fd.name"), get(event, "fd.type"))


@pytest.mark.parametrize(
    ("name", "args", "arg", "text"),
    [
        ("kill", (5_000_001, 9), "sig", "SIGKILL"),
        ("kill", (5_000_001, 9), "pid", "bash"),
        ("ptrace", (16, 1), "request", "PTRACE_ATTACH"),
        ("ptrace", (0x4206, 1), "request", "PTRACE_SEIZE"),
        ("socket", (16, 3, 0), "domain", "AF_ROUTE|AF_NETLINK"),
        ("unshare", (0x10000000,), "flags", "CLONE_NEWUSER"),
        ("setns", (3, 0), "nstype", "0"),
        ("fchmod", (3, 0o4755), "mode", "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"),
        ("setuid", (0,), "uid", "root"),
        ("setresuid", (0xFFFFFFFF, 0, 0), "ruid", "<NONE>"),
        ("bpf", (5,), "cmd", "BPF_PROG_LOAD"),
        ("prctl", (15,), "option", "PR_SET_NAME"),
        ("memfd_create", (0, 1), "flags", "MFD_CLOEXEC"),
        ("eventfd2", (0, 0), "flags", "O_NONE"),
        ("fcntl", (3, 1 << 32 | 4), "cmd", "F_SETFL"),
        ("setsockopt", (3, 1, 26), "optname", "SO_ATTACH_FILTER"),
        ("setsockopt", (3, 1 << 32 | 1, 59), "optname", "SO_PEERGROUPS"),
        ("setsockopt", (3, 6, 26), "level", "SOL_TCP"),
        ("setsockopt", (3, 6, 26), "optname", "UNKNOWN"),
        ("close_range", (3, 9, 4), "flags", "CLOSE_RANGE_CLOEXEC"),
        ("mlockall", (3,), "flags", "MCL_CURRENT|MCL_FUTURE"),
        ("semget", (7, 1, 0o1666), "semflg", "IPC_CREAT"),
        ("getuid", (), "uid", "root"),
    ],
)
def test_named_values(one, name, args, arg, text):
    """Flags and enumerations are shown by their names."""
    assert text == get(one(handmade.call(name, BASH, 0, args)), "evt.arg", arg)


def test_process_fields(one):
    """A process is told by its exec: name, arguments, executable, facts of its inode."""
    cat = BASH.named(b"cat")
    facts = {"exe_flags": 6, "exe_ino": 7, "sid": 5, "vsid": 5, "tty": 34816}
    event = one(handmade.execution(cat, b"/bin/cat", (b"/bin/cat", b"-n", b"a b"), **facts))

    assert ("cat", "/bin/cat", "/bin/cat") == tuple(get(event, f"proc.{x}") for x in ("name", "exe", "exepath"))
    assert ("cat -n a b", "-n a b") == (get(event, "proc.cmdline"), get(event, "proc.args"))
    assert ("-n", "a b", "") == tuple(get(event, "proc.args", index) for index in range(3))
    assert (True, True, False) == tuple(
        get(event, f"proc.is_exe_{x}") for x in ("upper_layer", "lower_layer", "from_memfd")
    )
    assert (7, 34816, "/root/") == (get(event, "proc.exe_ino"), get(event, "proc.tty"), get(event, "proc.cwd"))
    assert ("/root", "", "HOME=/root LANG=C") == tuple(get(event, "proc.env", x) for x in ("HOME", "NONE", None))
    assert "SUCCESS" == get(event, "evt.res")


def test_ancestors(one):
    """[0] is the process, [1] its parent; without a number, all ancestors but itself."""
    child = Task(5_000_002, start=2, ppid=BASH.pid)
    event = one(
        handmade.call("chdir", BASH, 0),
        handmade.fork(BASH, child),
        handmade.execution(child.named(b"cat"), b"/bin/cat", (b"cat",)),
    )

    assert ("cat", "bash") == (get(event, "proc.aname", 0), get(event, "proc.aname", 1))
    assert "bash" == get(event, "proc.aname")[0]
    assert "cat" not in get(event, "proc.aname")
    assert ("bash", BASH.pid) == (get(event, "proc.pname"), get(event, "proc.ppid"))
    assert get(event, "proc.aname", 500) is None


def test_container(one):
    """The container is that of the thread's cgroup; its metadata is absent."""
    inside = one(handmade.cgroups(7, b"memory=/docker/" + CONTAINER.encode()), opened())
    names = ("id", "full_id", "type", "image.repository")

    assert (CONTAINER[:12], CONTAINER, "docker", None) == tuple(get(inside, f"container.{x}") for x in names)


def test_host(one):
    """Outside of containers all is host, and what a runtime would say is "", as in Falco."""
    outside = one(handmade.cgroups(7, b"memory=/user.slice"), opened())
    names = ("id", "full_id", "name", "type", "image.repository", "privileged")

    assert ("host", "host", "host", "host", "", False) == tuple(get(outside, f"container.{x}") for x in names)


@pytest.mark.parametrize(("facts", "privileged"), [({"unconfined": 1}, True), ({"unconfined": 0}, False)])
def test_privileged(one, facts, privileged):
    """A container is privileged if its init may do all that the machine's init may."""
    exec_record = handmade.execution(BASH, b"/bin/sh", (b"sh",), **facts)
    event = one(handmade.cgroups(7, b"memory=/docker/" + CONTAINER.encode()), exec_record)

    assert privileged is get(event, "container.privileged")


def test_users(one):
    """Numbers have the names of this machine's accounts; those without have <NA>."""
    task = Task(5_000_001, start=1, uid=0, gid=4_000_000, loginuid=0xFFFFFFFF)
    event = one(handmade.call("chdir", task, 0))

    assert ("root", "<NA>") == (get(event, "user.name"), get(event, "group.name"))
    assert (-1, "<NA>") == (get(event, "user.loginuid"), get(event, "user.loginname"))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("truncate", "fs.path.name", "/a/x"),
        ("renameat2", "fs.path.source", "/a/x"),
        ("renameat2", "fs.path.target", "/b/y"),
        ("linkat", "fs.path.source", "/b/y"),
        ("linkat", "fs.path.target", "/a/x"),
        ("renameat2", "fs.path.sourceraw", "x"),
        ("renameat2", "fs.path.name", None),
    ],
)
def test_two_paths(one, name, field, value):
    """Each of two paths is relative to its own directory."""
    sections = {R.SEC_PATH: b"x", R.SEC_DIR: b"/a", R.SEC_PATH2: b"y", R.SEC_DIR2: b"/b"}

    assert value == get(one(handmade.call(name, BASH, 0, (3, 0, 4), sections)), field)


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.name)
def test_fields_stand_every_event(one, row):
    """Every field has a value of its type, or none, for every event without any of its sections."""
    record = handmade.end(BASH) if row.name == "procexit" else handmade.call(row.name, BASH, 0, (3, 0, 5))
    event = one(record)

    assert [] == [
        problem
        for field in FIELDS
        if not field.name.startswith("proc.std")
        for arg in arguments(field)
        if (problem := wrong_value(field, event, arg))
    ]


def test_names_are_declared_once():
    """No two fields have one name, and every description is a sentence."""
    assert len(FIELDS) == len(FIELD)
    assert [] == [field.name for field in FIELDS if not field.description.endswith(".")]


@pytest.mark.parametrize(("value", "problem"), [("openat", None), ("opn", "unknown event type opn")])
def test_event_types_are_checked(value, problem):
    """A rule that compares with an event type that there is not is told so."""
    assert problem == FIELD["evt.type"].check_value(value)


def test_ancestors_in_an_output(one):
    """Without an index an output shows all ancestors' names, and of their process ids, as Falco, the process's own."""
    child = Task(5_000_002, start=5_000_002, ppid=BASH.pid, comm=b"cat")
    event = one(handmade.fork(BASH, child), handmade.call("openat", child, 3, (-100, 0, 0), {R.SEC_PATH: b"x"}))
    shown = Template.parse("%proc.apid %proc.apid[1] %proc.aname[1]", CATALOG)

    assert f"{child.pid} {BASH.pid} bash" == shown.message(event)
    assert child.pid == shown.values(event)["proc.apid"]
    assert BASH.pid in get(event, "proc.apid")

"""The source on this machine's kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from falcohost.errors import ConfigError
from falcohost.events import Plan
from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.config import default_ring_size, parse
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import RET
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.source import SyscallSource

GET = {field.name: field.get for field in FIELDS}


@pytest.fixture
def watch(sources):
    """Return a function that has the source watch some event types."""

    def watch(*types, fields=(), **settings):
        return sources.open(Plan(source="syscall", event_types=frozenset(types), fields=frozenset(fields)), settings)

    return watch


@pytest.fixture
def watch_anew(bpf, close_later):
    """Return a function that opens a source of the test's own for some event types."""

    def watch(*types):
        source = close_later(SyscallSource({}))
        source.open(Plan(source="syscall", event_types=frozenset(types)), None)
        return source

    return watch


def read(source, wanted, seconds=PATIENCE):
    """Return what *wanted* makes of the first event for which that is not None."""
    end = time.monotonic() + seconds
    for batch in source.batches():
        for event in batch.events:
            found = wanted(event)
            if found is not None:
                return found
        if time.monotonic() > end:
            return None
    return None


def fields_of(pid, kind, *names):
    """Return a function for :func:`read`: the values of *names* in the first event of that process and type."""
    return lambda event: (
        tuple(GET[name](event, None) for name in names)
        if event.type == kind and event.proc.pid == pid and event.h[4] >= 0
        else None
    )


def test_exec_has_its_facts(watch):
    """A program that is started has its name, arguments, parent and session as they are."""
    names = ("proc.name", "proc.args", "proc.ppid", "proc.sid", "proc.cwd")
    source = watch("execve", fields=names)
    child = subprocess.Popen(["/bin/sleep", "0.2"], start_new_session=True, cwd="/")

    found = read(source, fields_of(child.pid, "execve", *names))
    assert ("sleep", "0.2", os.getpid(), child.pid, "/") == found
    child.wait()


@pytest.mark.parametrize(("asked", "told"), [("proc.env", b"KEY=1\0"), ("evt.args", b"KEY=1\0"), ("proc.name", None)])
def test_environment_only_where_it_is_asked_for(watch, asked, told):
    """The probe copies a program's environment if a rule may show it."""
    source = watch("execve", fields=(asked,))
    child = subprocess.Popen(["/bin/true"], env={"KEY": "1"})

    def environment(event):
        return (event.proc.image.env_raw,) if event.proc.pid == child.pid and event.type == "execve" else None

    assert (told,) == read(source, environment)
    child.wait()


def test_other_rules_may_ask_for_more(watch):
    """When rules are exchanged, the environment and the working directory are collected from then on."""
    source = watch("execve")
    subprocess.run(["true"], check=True)
    names = ("proc.env", "proc.cwd")
    source.update(Plan(source="syscall", event_types=frozenset({"execve"}), fields=frozenset(names)))
    child = subprocess.Popen(["/bin/true"], env={"KEY": "1"}, cwd="/usr")

    assert ("KEY=1", "/usr/") == read(source, fields_of(child.pid, "execve", *names))
    child.wait()


def test_file_behind_a_link(watch, tmp_path):
    """A file that is opened through a link has its own name."""
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    source = watch("openat")
    child = subprocess.Popen(["cat", "link"], cwd=tmp_path, stdout=subprocess.DEVNULL)

    def opened(event):
        return GET["fd.name"](event, None) if event.proc.pid == child.pid and event.path == "link" else None

    assert str(tmp_path / "real") == read(source, opened)
    child.wait()


def test_failed_calls_can_be_left_out(watch):
    """With drop_failed_exit a call that fails is no event, and one that succeeds is."""
    source = watch("unlink", "unlinkat", "mkdir", "mkdirat", modern_ebpf={"drop_failed_exit": True})
    child = subprocess.Popen(["sh", "-c", "rmdir /no/such; rm -f /no/such; mkdir /no/such /tmp/$$; rmdir /tmp/$$"])

    def removed(event):
        mine = event.proc.pid == child.pid or (event.proc.up() or event.proc).pid == child.pid
        return (event.type, event.h[RET]) if mine else None

    assert ("mkdir", 0) == read(source, removed)
    child.wait()


def test_other_events_are_not_passed(watch):
    """Only what the plan wants comes out, though every fork, exec and exit goes in."""
    source = watch("procexit")
    child = subprocess.Popen(["true"])
    child.wait()
    types = set()

    assert read(source, lambda event: types.add(event.type) or (event.proc.pid == child.pid or None))
    assert {"procexit"} == types


def test_process_from_before_is_known(watch_anew):
    """A process that ran before the source was opened has its arguments and ancestors."""
    script = "read go; cat /etc/hostname"
    child = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    source = watch_anew("openat")
    child.stdin.write(b"go\n")
    child.stdin.close()

    def hostname(event):
        parent = event.proc.up()
        if parent is None or parent.pid != child.pid or GET["fd.name"](event, None) != "/etc/hostname":
            return None
        return tuple(GET[name](event, None) for name in ("proc.name", "proc.pname", "proc.pcmdline"))

    assert ("cat", "sh", f"sh -c {script}") == read(source, hostname)
    assert os.getpid() in source.driver.context.table.processes
    child.wait()


def test_ended_processes_leave_the_table(watch_anew):
    """Of five hundred programs that have ended the table has none."""
    source = watch_anew("procexit")
    script = "for i in $(seq 500); do /bin/true; done"
    with subprocess.Popen(["sh", "-c", script]) as shell:
        assert read(source, lambda event: event.proc.pid == shell.pid or None)

    assert [] == [process for process in source.driver.context.table.processes.values() if process.ppid == shell.pid]
    assert source.stats().dropped["proc_ring_full"] == 0
    assert {"accounts": 0} == source.stats().made_room


def test_new_plan_is_taken(watch):
    """After an update other events come."""
    source = watch("procexit")
    source.update(Plan(source="syscall", event_types=frozenset({"chdir"})))
    child = subprocess.Popen(["sh", "-c", "cd /tmp"])
    child.wait()

    assert ("res=0 path=/tmp",) == read(source, fields_of(child.pid, "chdir", "evt.args"))


def test_three_texts_of_mount(watch):
    """The source, the place and the file system type of a mount are all read."""
    source = watch("mount")
    code = "import ctypes; ctypes.CDLL(None).mount(b'device', b'/does/not/exist', b'tmpfs', 0, None)"
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        pass

    assert "res=-2(ENOENT) dev=device dir=/does/not/exist type=tmpfs flags=0" == read(
        source, lambda event: GET["evt.args"](event, None) if event.proc.pid == child.pid else None
    )


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"modern_ebpf": {"buf_size_preset": 1}}, 1 << 20),
        ({"engine": {"kind": "modern_ebpf", "modern_ebpf": {"buf_size_preset": 10}}}, 512 << 20),
    ],
)
def test_ring_size(settings, size):
    """The preset is Falco's."""
    assert size == parse(settings).ring_size


def test_ring_size_of_a_machine():
    """Where no preset is given, a machine with few processors has a smaller ring."""
    mib = 1 << 20

    assert [4 * mib, 4 * mib, 8 * mib, 8 * mib, 8 * mib] == [*map(default_ring_size, (1, 2, 3, 4, 64))]
    assert default_ring_size(os.cpu_count()) == parse({}).ring_size


@pytest.mark.parametrize(
    "settings", [{"kind": "ebpfs"}, {"modern_ebpf": {"buf_size_preset": 11}}, {"modern_ebpf": 4}, {"engine": 3}]
)
def test_bad_settings_are_refused(settings):
    """A setting that cannot be is refused with a sentence."""
    with pytest.raises(ConfigError, match=r"^engine.*\.$"):
        SyscallSource(settings)


PIPE = "r, w = os.pipe2(os.O_CLOEXEC)\nprint(os.fstat(r).st_ino, r, w)"
PAIR = "a, b = socket.socketpair()\nprint(a.fileno(), b.fileno())"
ACCEPT = """
s = socket.create_server(("127.0.0.1", 0), backlog=4)
clients = [socket.create_connection(s.getsockname()) for _ in range(3)]
print(s.accept()[0].fileno())"""
COPY = """
b = ctypes.create_string_buffer(b"to be seen")
v = struct.pack("=QQ", ctypes.addressof(b), 10)
print(ctypes.CDLL(None).process_vm_writev(os.getpid(), v, 1, v, 1, 0), os.getpid())"""
MODULE = "print(ctypes.CDLL(None).syscall({init_module}, b'no image', 8, b'par=1'))"
SETUP = "import ctypes, os, socket, struct\n"


@pytest.mark.parametrize(
    ("name", "script", "shown"),
    [
        ("pipe2", PIPE, "res=0 fd1={1}(<p>) fd2={2}(<p>) ino={0} flags=4096(O_CLOEXEC)"),
        (
            "socketpair",
            PAIR,
            "res=0 fd1={0}(<u>) fd2={1}(<u>) source=A peer=B domain=1(AF_LOCAL|AF_UNIX) type=524289 proto=0",
        ),
        ("accept4", ACCEPT, "queuepct=50 queuelen=2 queuemax=4 flags="),
        ("process_vm_writev", COPY, "res=10 pid={1}(python) data=to be seen"),
        ("init_module", MODULE, "img=no image length=8 uargs=par=1"),
    ],
)
def test_arguments(watch, name, script, shown):
    """Parameters show what a call created, transferred or was passed."""
    source = watch(name)
    script = SETUP + script.replace("{init_module}", str(BY_NAME["init_module"].numbers[os.uname().machine][0]))
    child = subprocess.Popen([sys.executable, "-ISc", script], stdout=subprocess.PIPE)
    printed = child.communicate()[0].split()
    args = read(source, lambda event: GET["evt.args"](event, None) if event.proc.pid == child.pid else None)
    ends = re.findall(r"(?:source|peer)=([0-9A-F]{10,16})\b", args)

    assert len(set(ends)) == len(ends) == 2 * (name == "socketpair")
    for end, letter in zip(ends, "AB", strict=False):
        args = args.replace(end, letter)
    assert shown.format(*map(bytes.decode, printed)) in args

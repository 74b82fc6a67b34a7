"""The programs that BCC compiles, on this kernel: what they tell of calls that were made."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from falcohost import Plan
from falcohost.settings import AGENT_PID
from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE, SLOWNESS
from falcohost_syscall.calls.flags import OPEN_CREATED, OPEN_LOWER_LAYER, OPEN_UPPER_LAYER
from falcohost_syscall.drivers.legacy_ebpf import bcc
from falcohost_syscall.events.sockets import parse_sockaddr
from falcohost_syscall.scap.addresses import as_sockaddr
from falcohost_syscall.scap.confinement import bounds
from falcohost_syscall.source import SyscallSource

#: What this process does is an event, since it is none of the agent of this process.
NOBODY = 1 << 22
TYPES = ("openat", "execve", "connect", "renameat2", "rename", "unlink", "unlinkat", "mkdir", "dup2", "procexit")


@pytest.fixture(scope="module")
def source():
    """Return the source, with the driver that is tested."""
    problem = next((text for _, text in bcc.requirements() if text), None)
    if problem:
        skip_or_fail("bcc", problem)
    source = SyscallSource({"engine": {"kind": "ebpf"}, AGENT_PID: NOBODY})
    source.open(Plan("syscall", frozenset(TYPES)), None)
    yield source
    source.close()


@pytest.fixture(scope="module")
def batches(source):
    """Return the batches of the source."""
    return source.batches()


@pytest.fixture
def until(source, batches):
    """Return a function that does a *deed*, and returns what *take* makes of the first event for which it is something.

    This Python reads what the whole machine does, and on a busy one events are lost, which are counted; then the deed
    is done again.
    """

    def until(take, deed):
        end = time.monotonic() + PATIENCE * SLOWNESS
        lost = None
        while time.monotonic() < end:
            if lost != (now := source.stats().dropped["ring_full"]):
                lost = now
                deed()
            for event in next(batches).events:
                if (found := take(event)) is not None:
                    return found
        pytest.fail(f"no such event; {lost} are lost")

    return until


def test_an_open_has_file_and_process(until, tmp_path):
    """An opened file has its path, inode and Falco's flags; its process has name, program, arguments and parent."""
    file = tmp_path / "read"
    file.write_text("")

    def read():
        subprocess.run(["cat", file], check=True)

    def take(event):
        if event.type != "openat" or event.fdpath != str(file) or event.proc.comm != "cat":
            return None
        process = event.proc
        facts = (process.comm, process.image.exepath_raw, process.image.args_raw, process.ppid)
        return (*facts, event.call.number("ino"), event.call.number("flags"))

    real = os.fsencode(os.path.realpath("/bin/cat"))
    args = b"cat\0" + os.fsencode(file) + b"\0"
    assert ("cat", real, args, os.getpid(), file.stat().st_ino, 1) == until(
        take, lambda: subprocess.run(["cat", file], check=True)
    )


def test_a_connect_has_both_ends(until):
    """A connected socket has the ends that the kernel gave it."""
    wanted = set()
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as clients:

        def connect():
            client = clients.enter_context(socket.create_connection(server.getsockname()))
            wanted.add("{}:{}->{}:{}".format(*client.getsockname(), *server.getsockname()))

        def take(event):
            return event.socket.name if event.type == "connect" and event.pid == os.getpid() else None

        assert until(take, connect) in wanted


def test_a_refused_connect_has_its_address(until):
    """A refused connect has its result and the address that was passed; its socket has no ends (as in Falco)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        _, port = server.getsockname()

    def connect():
        with socket.socket() as client:
            assert errno.ECONNREFUSED == client.connect_ex(("127.0.0.1", port))

    def take(event):
        if event.type != "connect" or event.pid != os.getpid() or event.ret == 0:
            return None
        return event.ret, parse_sockaddr(as_sockaddr(event.call.raw("addr")))[1].port, event.socket.name

    assert (-errno.ECONNREFUSED, port, "") == until(take, connect)


def test_two_paths_and_a_directory(until, tmp_path):
    """A rename has both paths."""

    def rename():
        (tmp_path / "one").write_text("")
        (tmp_path / "one").rename(tmp_path / "two")

    def take(event):
        if event.type != "rename" or event.pid != os.getpid():
            return None
        return tuple(event.call.text(name) for name in ("oldpath", "newpath"))

    assert (os.fsencode(tmp_path / "one"), os.fsencode(tmp_path / "two")) == until(take, rename)


def test_a_child_reads_what_its_maker_has_opened(until, tmp_path):
    """A descriptor that was duplicated, inherited and used by another program is the file."""
    file = tmp_path / "inherited"
    file.write_text("x")

    def run():
        with file.open() as opened:
            subprocess.run(["sh", "-c", "exec 9<&0; true"], stdin=opened, check=True)

    def take(event):
        if event.type != "dup2" or event.proc.comm != "sh" or event.fdpath != str(file):
            return None
        return event.proc.image.args_raw

    assert b"sh\0-c\0exec 9<&0; true\0" == until(take, run)


def test_what_is_not_observed_is_told(source, caplog):
    """Rules that name calls of which the driver does not tell are named when they are loaded."""
    source.update(Plan("syscall", frozenset((*TYPES, "keyctl"))))

    assert "engine.kind: ebpf does not observe keyctl; no rule or filter matches them" in caplog.text


def test_tables_go_on_after_an_update(source, until, tmp_path):
    """New types are observed after an update, and those from before go on."""
    source.update(Plan("syscall", frozenset((*TYPES, "chmod", "fchmodat"))))
    file = Path(tmp_path / "mode")
    file.write_text("")

    def take(event):
        return (event.type in ("chmod", "fchmodat") and event.pid == os.getpid()) or None

    assert until(take, lambda: file.chmod(0o600))


@pytest.mark.parametrize("dropped", [False, True])
def test_what_a_program_may_do_at_most(until, dropped):
    """A program that may have all that the machine's init may have, and has no seccomp filter, is unconfined."""
    everything, own = (bounds(Path(f"/proc/{pid}/status").read_bytes()) for pid in (1, "self"))
    limit = ["setpriv", "--bounding-set=-net_raw"] if dropped else []

    def take(event):
        if event.type != "execve" or event.proc.image.argv != ("cat", f"/dev/null{dropped}"):
            return None
        return (event.proc.image.privileged,)

    expected = not dropped and not (everything[0] & ~own[0] or own[1])
    assert (expected,) == until(
        take, lambda: subprocess.run([*limit, "cat", f"/dev/null{dropped}"], stderr=subprocess.DEVNULL)
    )


@pytest.mark.parametrize(("folder", "layers"), [("upper", (True, False)), ("lower", (False, True))])
def test_layers(until, tmp_path, folder, layers):
    """Of a file in an overlay its layer is told, when it is executed and when it is opened."""
    script = f"""
mount -t tmpfs t {tmp_path} && cd {tmp_path} && mkdir lower upper work root && cp /bin/cat {folder}/layered
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work t root && exec root/layered root/layered
"""
    line = ["unshare", "-m", "sh", "-c", script]

    def take(event):
        if event.proc.comm != "layered" or event.type != "openat" or event.fdpath != f"{tmp_path}/root/layered":
            return None
        image, bits = event.proc.image, event.call.number("flags")
        return (image.upper_layer, image.lower_layer), (bool(bits & OPEN_UPPER_LAYER), bool(bits & OPEN_LOWER_LAYER))

    assert (layers, layers) == until(take, lambda: subprocess.run(line, stdout=subprocess.DEVNULL, check=True))


def test_an_open_that_makes_a_file(until, tmp_path):
    """An open is told apart that has made its file from one that could have."""
    file = tmp_path / "made"

    def take(event):
        if event.type != "openat" or event.pid != os.getpid() or event.fdpath != str(file):
            return None
        return (bool(event.call.number("flags") & OPEN_CREATED),)

    assert (True,) == until(take, lambda: (file.unlink(missing_ok=True), file.touch()))
    assert (False,) == until(take, lambda: file.open("a").close())

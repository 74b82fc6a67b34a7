"""The programs that BCC compiles, on this kernel: what they tell of calls that were made."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from falcohost import Plan
from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE, SLOWNESS
from falcohost_syscall.drivers.legacy_ebpf import bcc
from falcohost_syscall.source import SyscallSource

TYPES = ("openat", "execve", "connect", "renameat2", "rename", "unlink", "unlinkat", "mkdir", "dup2", "procexit")


@pytest.fixture(scope="module")
def source():
    """Return the source, with the driver that is tested."""
    problem = next((text for _, text in bcc.requirements() if text), None)
    if problem:
        skip_or_fail("bcc", problem)
    source = SyscallSource({"engine": {"kind": "ebpf"}})
    source.open(Plan("syscall", frozenset(TYPES)), None)
    yield source
    source.close()


@pytest.fixture(scope="module")
def batches(source):
    """Return the batches of the source."""
    return source.batches()


@pytest.fixture
def until(batches):
    """Return a function that returns what *take* makes of the first event for which it is something."""

    def until(take):
        end = time.monotonic() + PATIENCE * SLOWNESS
        while time.monotonic() < end:
            for event in next(batches).events:
                if (found := take(event)) is not None:
                    return found
        pytest.fail("no such event")

    return until


def test_an_open_has_file_and_process(until, tmp_path):
    """An opened file has its path, inode and Falco's flags; its process has name, program, arguments and parent."""
    file = tmp_path / "read"
    file.write_text("")
    subprocess.run(["cat", file], check=True)

    def take(event):
        if event.type != "openat" or event.fdpath != str(file) or event.proc.comm != "cat":
            return None
        process = event.proc
        facts = (process.comm, process.image.exepath_raw, process.image.args_raw, process.ppid)
        return (*facts, event.call.number("ino"), event.call.number("flags"))

    real = os.fsencode(os.path.realpath("/bin/cat"))
    args = b"cat\0" + os.fsencode(file) + b"\0"
    assert ("cat", real, args, os.getpid(), file.stat().st_ino, 1) == until(take)


def test_a_connect_has_both_ends(until):
    """A connected socket has the ends that the kernel gave it."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        wanted = "{}:{}->{}:{}".format(*client.getsockname(), *server.getsockname())

        assert wanted == until(
            lambda event: event.socket.name if event.type == "connect" and event.pid == os.getpid() else None
        )


def test_two_paths_and_a_directory(until, tmp_path):
    """A rename has both paths."""
    (tmp_path / "one").write_text("")
    (tmp_path / "one").rename(tmp_path / "two")

    def take(event):
        if event.type != "rename" or event.pid != os.getpid():
            return None
        return tuple(event.call.text(name) for name in ("oldpath", "newpath"))

    assert (os.fsencode(tmp_path / "one"), os.fsencode(tmp_path / "two")) == until(take)


def test_a_child_reads_what_its_maker_has_opened(until, tmp_path):
    """A descriptor that was duplicated, inherited and used by another program is the file."""
    file = tmp_path / "inherited"
    file.write_text("x")
    with file.open() as opened:
        subprocess.run(["sh", "-c", "exec 9<&0; true"], stdin=opened, check=True)

    def take(event):
        if event.type != "dup2" or event.proc.comm != "sh" or event.fdpath != str(file):
            return None
        return event.proc.image.args_raw

    assert b"sh\0-c\0exec 9<&0; true\0" == until(take)


def test_what_is_not_observed_is_told(source, caplog):
    """Rules that name calls of which the driver does not tell are named when they are loaded."""
    source.update(Plan("syscall", frozenset((*TYPES, "keyctl"))))

    assert "engine.kind: ebpf does not observe keyctl; rules that need them do not match" in caplog.text


def test_tables_go_on_after_an_update(source, until, tmp_path):
    """New types are observed after an update, and those from before go on."""
    source.update(Plan("syscall", frozenset((*TYPES, "chmod", "fchmodat"))))
    file = Path(tmp_path / "mode")
    file.write_text("")
    file.chmod(0o600)

    assert until(lambda event: (event.type in ("chmod", "fchmodat") and event.pid == os.getpid()) or None)

"""Requests of io_uring: events of the calls that do the same, with their arguments, whatever becomes of the request."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.fields.rows import FIELDS

GET = {field.name: field.get for field in FIELDS}
TYPES = frozenset((
    "openat", "write", "mkdirat", "symlinkat", "linkat", "renameat2", "unlinkat", "sendto", "recvfrom", "socket",
    "bind", "listen", "accept4", "connect", "sendmsg", "shutdown", "close", "readv", "writev", "splice",
))  # fmt: skip
DISABLED = Path("/proc/sys/kernel/io_uring_disabled")


@pytest.fixture
def requests(sources, compiled, tmp_path):
    """Return a function that runs requests.c and returns its events that came by io_uring."""
    if DISABLED.exists() and DISABLED.read_text().strip() == "2":
        skip_or_fail("io_uring", f"io_uring is switched off: {DISABLED} is 2")
    program = compiled("requests.c", "evasion/ring.c")
    # Those of all programs would not have room on a busy machine.
    own = check(parse(f"proc.name in ({Path(program).name}, touch)"), Catalog("syscall", FIELDS)).expr
    source = sources.open(Plan("syscall", TYPES, frozenset({"evt.args"}), condition=own))

    def requests(*arguments):
        process = subprocess.Popen([program, tmp_path, *arguments], stdout=subprocess.PIPE)
        requests.printed = process.communicate(timeout=PATIENCE)[0].decode()
        assert process.returncode == 0
        last = str(tmp_path / "last")
        subprocess.run(["touch", last], check=True)  # a source does not see its own process
        found = []
        for batch in source.batches():
            for event in batch.events:
                if event.proc.pid == process.pid and GET["evt.is_io_uring"](event, None):
                    found.append(event)
                elif event.type == "openat" and GET["fd.name"](event, None) == last:
                    return found
        raise AssertionError

    return requests


def shown(event, folder):
    """Return type and parameters of the event, without what differs from run to run."""
    arguments = GET["evt.args"](event, None).replace(str(folder), "FOLDER")
    return re.sub(r" (dev|ino|tuple)=\S*|(?<=fd=)\d+(\([^)]*\))?", "", f"{event.type} {arguments}").strip()


def test_each_is_the_call_that_does_the_same(requests, tmp_path):
    """Paths, flags, modes, data and results stand where the call has them."""
    found = [shown(event, tmp_path) for event in requests()]

    assert found == [
        "openat fd= dirfd=-100(AT_FDCWD) name=file(FOLDER/file) flags=16391(O_CREAT|O_RDWR|O_F_CREATED) mode=0640",
        "write res=4 data=text fd= size=4",
        "openat fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=missing/file(FOLDER/missing/file) flags=1(O_RDONLY) mode=0",
        "mkdirat res=0 dirfd=-100(AT_FDCWD) path=folder(FOLDER/folder) mode=1E8",
        "symlinkat res=0 target=goal linkdirfd=-100(AT_FDCWD) linkpath=link(FOLDER/link)",
        "linkat res=0 olddir=-100(AT_FDCWD) oldpath=file(FOLDER/file)"
        " newdir=-100(AT_FDCWD) newpath=second(FOLDER/second) flags=0",
        "renameat2 res=0 olddirfd=-100(AT_FDCWD) oldpath=second(FOLDER/second)"
        " newdirfd=-100(AT_FDCWD) newpath=third(FOLDER/third) flags=0",
        "unlinkat res=0 dirfd=-100(AT_FDCWD) name=third(FOLDER/third) flags=0",
        "sendto res=8 data=greeting fd= size=8",
        "recvfrom res=8 data=greeting fd= size=16",
    ]


def test_names(requests, tmp_path):
    """fd.name is the path that the kernel knows, or, where nothing was opened, the one that was asked for."""
    opens = [event for event in requests() if event.type == "openat"]

    assert [GET["fd.name"](event, None) for event in opens] == [f"{tmp_path}/file", f"{tmp_path}/missing/file"]
    assert [GET["evt.res"](event, None) for event in opens] == ["SUCCESS", "ENOENT"]


def test_more_requests_than_are_followed(requests, tmp_path):
    """Requests beyond those that are followed become events at once; the others leave room when their process ends."""
    for _ in range(2):
        found = requests("many")
        (tmp_path / "pipe").unlink()

        assert {f"{tmp_path}/pipe"} == {GET["fd.name"](event, None) for event in found}
        assert 400 - 256 == [GET["evt.res"](event, None) for event in found].count("SUCCESS")


def test_silent_ones(requests, tmp_path):
    """An open without an answer is an event when it is requested, and another when its file is found."""
    opens = [event for event in requests("quietly") if event.type == "openat"]
    names = [(GET["fd.name"](event, None) or "").removeprefix(f"{tmp_path}/") for event in opens]

    assert ["first", "file0", "second", "file1", "third", "file2", "none"] == names
    assert [GET["fd.num"](event, None) for event in opens][1::2] == [0, 3, 4]


def test_sockets(requests):
    """Addresses are told on both ends; what one request accepts or receives again and again are events each."""
    found = [(e.type, GET["evt.res"](e, None), GET["fd.name"](e, None)) for e in requests("sockets")]
    port = requests.printed.strip()
    shown = [
        (name, result, re.sub(r":\d+->", ":CLIENT->", text or "").replace(port, "PORT")) for name, result, text in found
    ]
    # The other end may have received what a shutdown makes of it before the shutdown is done, by another thread.
    shown[7:9] = sorted(shown[7:9], reverse=True)

    assert shown == [
        ("socket", "SUCCESS", ""),
        ("bind", "SUCCESS", "127.0.0.1:PORT"),
        ("listen", "SUCCESS", "127.0.0.1:PORT"),
        ("connect", "SUCCESS", "127.0.0.1:CLIENT->127.0.0.1:PORT"),
        ("accept4", "SUCCESS", "127.0.0.1:CLIENT->127.0.0.1:PORT"),
        ("accept4", "SUCCESS", "127.0.0.1:CLIENT->127.0.0.1:PORT"),
        ("recvfrom", "SUCCESS", "127.0.0.1:CLIENT->127.0.0.1:PORT"),
        ("shutdown", "SUCCESS", "127.0.0.1:CLIENT->127.0.0.1:PORT"),
        ("recvfrom", "SUCCESS", "127.0.0.1:CLIENT->127.0.0.1:PORT"),
        ("close", "SUCCESS", ""),
        ("sendto", "SUCCESS", "0.0.0.0:CLIENT->127.0.0.1:PORT"),
        ("sendmsg", "SUCCESS", "0.0.0.0:CLIENT->127.0.0.1:PORT"),
    ]


def test_buffers(requests, tmp_path):
    """Data in several buffers, or in none, is reported as by the calls with the same effect."""
    found = [shown(event, tmp_path) for event in requests("buffers")]

    assert found == [
        "writev res=4 data=abcd fd= size=4",
        "readv res=4 size=4 data=abcd fd=",
        "splice res=4 fd_in=3 fd_out=5(<p>) size=4 flags=0",
    ]


def test_known_buffers(requests, tmp_path):
    """Data in several buffers that the ring knows is reported as by the calls with the same effect."""
    found = [shown(event, tmp_path) for event in requests("fixed")]
    if requests.printed == "cannot\n":
        skip_or_fail("io_uring", "the kernel has no such requests: they are there since Linux 6.15")

    assert found == ["writev res=4 data=abcd fd= size=4", "readv res=4 size=4 data=abcd fd="]


def test_not_followed(requests, tmp_path):
    """Where more requests wait than are followed, what another one opens is told when it is open."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    found = requests("crowd")

    assert f"{tmp_path}/file" in {GET["fd.name"](event, None) for event in found}

"""What callers pass is read where the kernel has all memory: wherever it lies, what a rule wants is told."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_folders import OPEN, kept
from watching import run, seen

from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf import direct

pytestmark = pytest.mark.skipif(os.uname().machine != direct.MACHINE, reason="only on x86-64")
#: Opens a path by its address: at the end of a page, around it, and in the midst of a large page; also beside a thread.
SCRIPT = """
import ctypes, mmap, threading
libc = ctypes.CDLL(None, use_errno=True)
libc.open.argtypes = (ctypes.c_void_p, ctypes.c_int)
LARGE = 1 << 21
def address(area):
    return ctypes.addressof(ctypes.c_char.from_buffer(area))
def opened(path):
    path = path.encode() + bytes(1)
    area = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    large = mmap.mmap(-1, 2 * LARGE)
    large.madvise(mmap.MADV_HUGEPAGE)
    begin = -address(large) % LARGE
    places = [(area, mmap.PAGESIZE - len(path) + beyond) for beyond in range(-9, len(path))]
    places += [(large, begin + place) for place in (0, 4090, LARGE // 2 - 3)]
    for memory, place in places:
        memory[place : place + len(path)] = path
        os.close(libc.open(address(memory) + place, os.O_RDONLY))
        memory[place : place + len(path)] = bytes(len(path))
    last = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    last[mmap.PAGESIZE - len(path) : mmap.PAGESIZE] = path
    libc.munmap(ctypes.c_void_p(address(last) + mmap.PAGESIZE), ctypes.c_size_t(mmap.PAGESIZE))
    os.close(libc.open(address(last) + mmap.PAGESIZE - len(path), os.O_RDONLY))
    return len(places) + 1
end = threading.Event()
thread = threading.Thread(target=end.wait)
if {threads}:
    thread.start()
try:
    for path in {paths}:
        opened(path)
finally:
    end.set()
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """Return a folder on the root's file system, with a file in a folder, and a link to that."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="d") as name:
        folder = Path(name)
        (folder / "q").mkdir()
        (folder / "q/f").touch()
        (folder / "link").symlink_to("q/f")
        yield folder


@pytest.mark.skipif(not direct.end_of_memory(), reason="the machine does not tell where its memory is")
def test_found(watch):
    """It is found, and nobody else can change what was found."""
    loaded = watch("evt.type = openat and fd.name = /nowhere/f").driver.probe.object
    place, end = struct.unpack("=QQ8x", loaded.lookup(loaded.map_fd(direct.FOUND), bytes(4), 24))

    assert place >> 56 == 0xFF  # with tables of four levels and of five
    assert end == direct.end_of_memory()
    assert loaded.library.lib.bpf_map_update_elem(loaded.map_fd(direct.FOUND), bytes(4), bytes(24), 0)


@pytest.mark.parametrize("threads", [False, True])
def test_wherever_it_lies(watch, base, threads):
    """A name that a rule wants is told wherever it was passed from, in a folder of which no rule wants files."""
    source = watch(f"evt.type = openat and fd.name = {base}/link")
    wait_until(lambda: run(OPEN.format(f"{base}/q/f")) and f"{base}/q/" in kept(source))
    script = SCRIPT.format(threads=threads, paths=[f"{base}/q/f", f"{base}/link"])
    told = seen(source, run(script))

    assert [f"openat {base}/q/f"] * (9 + len(f"{base}/link") + 1 + 3 + 1) == told  # the file's own name comes first

"""What the system refuses is told with what is short and what mends it."""

import errno
import mmap
import os
import resource
from pathlib import Path

import pytest

from falcohost import lasting
from falcohost.host.memory import NO_MEMORY
from falcohost.host.shortage import no_process, shortage


def open_too_many():
    """Open more files than this process may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        os.pipe()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def fill_a_device():
    """Write to a device that is always full."""
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        full.write(b"x")


def make_a_large_file():
    """Make memory that processes share, which is larger than a file may be."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        lasting.make("falcohost test", 4096)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (
            make_a_large_file,
            "memory 'falcohost test' of 12288 bytes: no file may have so many bytes, and no memory that",
        ),
        (
            open_too_many,
            "too many files are open: the process has reached its limit; raise it (ulimit -n;",
        ),
        (fill_a_device, "no space is left on the device; make room"),
        (lambda: mmap.mmap(-1, 1 << 60), NO_MEMORY),
        (lambda: bytes(1 << 60), NO_MEMORY),
    ],
)
def test_what_is_short(do, said):
    """It is told for the error that the system raises."""
    with pytest.raises((OSError, MemoryError)) as raised:
        do()
    assert (shortage(raised.value) or "").startswith(said)


def test_no_more_processes():
    """That fork(2) shall be tried again means a limit, and elsewhere something else."""
    error = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    assert no_process(error).startswith("no more processes are allowed; raise the limit (ulimit -u; TasksMax=")
    assert shortage(error) is None


def test_what_is_no_shortage():
    """Other errors are told as they are."""
    with pytest.raises(FileNotFoundError) as raised:
        Path("/no/such/file").stat()
    assert shortage(raised.value) is None
    assert "No such file or directory" == no_process(raised.value)

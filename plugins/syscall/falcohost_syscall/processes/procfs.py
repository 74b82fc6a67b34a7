"""Reads facts of a process from ``/proc``, for processes that started before the probe.

A pid may have been reused, so the start time is always compared too.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from falcohost_syscall.processes.boot_clock import since_boot, ticks
from falcohost_syscall.records.text import text

#: Number of bytes of the command line and the environment that are read, as in the probe.
SNAP = 4096


class Status(Struct, frozen=True):
    """Facts from ``/proc/PID/stat``; *start* is in nanoseconds since boot, rounded down to a clock tick."""

    comm: str
    ppid: int
    start: int
    session: tuple[int, int, int, int, int]


def read(pid: int, name: str, most: int = SNAP) -> bytes | None:
    """Return the first *most* bytes of ``/proc/PID/NAME``, or None if it cannot be read."""
    try:
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    data = b""
    try:
        while len(data) < most and (more := os.read(fd, most - len(data))):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(fd)


def link(pid: int, name: str) -> str | None:
    """Return the target of the link ``/proc/PID/NAME``, or None."""
    target = _link(pid, name)
    return None if target is None else text(target)


def _link(pid: int, name: str) -> bytes | None:
    try:
        return os.fsencode(Path(f"/proc/{pid}/{name}").readlink())
    except OSError:
        return None


def is_directory(path: Path) -> bool:
    """Return whether *path* is a directory; False if it cannot be examined."""
    try:
        return path.is_dir()
    except OSError:
        return False


def status(pid: int) -> Status | None:
    """Return the facts of a running process, or None."""
    stat = read(pid, "stat")
    if stat is None or b")" not in stat:
        return None
    head, _, tail = stat.rpartition(b")")
    words = tail.split()
    pgid, sid, tty = int(words[2]), int(words[3]), int(words[4])
    # This tty number is encoded by the kernel's new_encode_dev, like the probe's.
    return Status(
        comm=head.partition(b"(")[2].decode(errors="backslashreplace"),
        ppid=int(words[1]),
        start=since_boot(int(words[19])),
        session=(sid, pgid, sid, pgid, tty),
    )


def same(pid: int, start: int) -> bool:
    """Return whether *pid* is still the process that started at *start*."""
    found = status(pid)
    return found is not None and ticks(found.start) == ticks(start)


def read_if_same(pid: int, start: int, name: str) -> bytes:
    """Return the first bytes of ``/proc/PID/NAME`` if the process started at *start*, else b""."""
    data = read(pid, name)
    return data if data is not None and same(pid, start) else b""


def image(pid: int, start: int) -> tuple[bytes, bytes | None, bytes] | None:
    """Return arguments, environment (None: not read yet) and executable of a process, or None if it is another now."""
    args, exe = read(pid, "cmdline"), _link(pid, "exe")
    if args is None or not same(pid, start):
        return None
    return args, None, exe or b""


def comm(pid: int, start: int) -> str | None:
    """Return the name of the main thread, or None if *pid* is another process now."""
    found = status(pid)
    return found.comm if found is not None and ticks(found.start) == ticks(start) else None


def session(pid: int, start: int) -> tuple[int, int, int, int, int] | None:
    """Return the ids of session and group and the terminal, or None if *pid* is another process now."""
    found = status(pid)
    return found.session if found is not None and ticks(found.start) == ticks(start) else None

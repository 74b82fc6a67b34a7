"""What ``/proc`` says of one process, for those that ran before the probe did. A pid alone is never trusted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from falcohost_syscall.records.text import text

#: Start times in ``/proc`` have this unit, in nanoseconds.
TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
#: As much of command line and environment as the probe takes.
SNAP = 4096


@dataclass(frozen=True, slots=True)
class Status:
    """Facts of ``/proc/PID/stat``. *start* is nanoseconds since boot, as exact as a clock tick."""

    comm: str
    ppid: int
    start: int
    session: tuple[int, int, int, int, int]


def read(pid: int, name: str) -> bytes | None:
    """Return the first bytes of ``/proc/PID/NAME``, or None if it cannot be read."""
    try:
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, SNAP)
    except OSError:
        return None
    finally:
        os.close(fd)


def link(pid: int, name: str) -> str | None:
    """Return where ``/proc/PID/NAME`` points to, or None."""
    target = _link(pid, name)
    return None if target is None else text(target)


def _link(pid: int, name: str) -> bytes | None:
    try:
        return os.fsencode(Path(f"/proc/{pid}/{name}").readlink())
    except OSError:
        return None


def is_directory(path: Path) -> bool:
    """Tell whether *path* is a directory; one that may not be looked at is none."""
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
    # The tty number here is the kernel's new_encode_dev, as the probe's.
    return Status(
        comm=head.partition(b"(")[2].decode(errors="backslashreplace"),
        ppid=int(words[1]),
        start=int(words[19]) * TICK,
        session=(sid, pgid, sid, pgid, tty),
    )


def same(pid: int, start: int) -> bool:
    """Tell whether *pid* is still the process that began at *start*."""
    found = status(pid)
    return found is not None and found.start // TICK == start // TICK


def read_if_same(pid: int, start: int, name: str) -> bytes:
    """Return the first bytes of ``/proc/PID/NAME`` if the process began at *start*, else b""."""
    data = read(pid, name)
    return data if data is not None and same(pid, start) else b""


def image(pid: int, start: int) -> tuple[bytes, bytes | None, bytes] | None:
    """Return arguments, environment (None: not read yet) and executable of a process, or None if it is another now."""
    args, exe = read(pid, "cmdline"), _link(pid, "exe")
    if args is None or not same(pid, start):
        return None
    return args, None, exe or b""


def comm(pid: int, start: int) -> str | None:
    """Return the name of a process's main thread."""
    found = status(pid)
    return found.comm if found is not None and found.start // TICK == start // TICK else None


def session(pid: int, start: int) -> tuple[int, int, int, int, int] | None:
    """Return session, group and terminal of a process."""
    found = status(pid)
    return found.session if found is not None and found.start // TICK == start // TICK else None

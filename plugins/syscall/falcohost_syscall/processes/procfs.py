"""Facts of processes from ``/proc``, for processes that started before the probe.

A pid may have been reused, so the start time is always compared too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from falcohost_syscall.processes.boot_clock import since_boot, ticks
from falcohost_syscall.processes.proc_reader import File, Here, Link, ProcReader
from falcohost_syscall.records.text import text

#: Number of bytes of the command line and the environment that are read, as in the probe.
SNAP: Final = 4096

#: The machine's init, which sandboxes may keep from others, and the first of the kernel's threads.
_FIRST: Final = (1, 2)

#: Ids of session and group, and the terminal.
Session = tuple[int, int, int, int, int]


class Status(Struct, frozen=True):
    """Facts from ``/proc/PID/stat``; *start* is in nanoseconds since boot, rounded down to a clock tick."""

    comm: str
    ppid: int
    start: int
    session: Session


class Facts(Struct, frozen=True):
    """Facts of a process.

    :ivar image: its arguments, environment (None: not read yet) and executable; None: they cannot be read.
    """

    status: Status
    image: tuple[bytes, bytes | None, bytes] | None


class _Reading:
    """Who reads: this process, or a helper that has the rights for it."""

    def __init__(self) -> None:
        self.reader: ProcReader = Here()


#: Who reads for this process.
READING: Final = _Reading()


def read(pid: int, name: File, most: int = SNAP) -> bytes | None:
    """Return the first *most* bytes of ``/proc/PID/NAME``, or None if it cannot be read."""
    found = READING.reader.read(pid, None, (name,), most)
    return None if found is None else found[0]


def link(pid: int, name: Link) -> str | None:
    """Return the target of the link ``/proc/PID/NAME``, or None."""
    found = READING.reader.read(pid, None, (name,), SNAP)
    return None if found is None or found[0] is None else text(found[0])


def link_if_same(pid: int, start: int, name: Link) -> str | None:
    """Return the target of the link ``/proc/PID/NAME`` of the process that started at *start*, or None."""
    found = READING.reader.read(pid, ticks(start), (name,), SNAP)
    return None if found is None or found[0] is None else text(found[0])


def status(pid: int) -> Status | None:
    """Return the facts of a running process, or None."""
    return parsed(read(pid, "stat"))


def parsed(stat: bytes | None) -> Status | None:
    """Return the facts in the content of ``/proc/PID/stat``, or None."""
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
    return READING.reader.read(pid, ticks(start), (), SNAP) is not None


def read_if_same(pid: int, start: int, name: File | Link, most: int = SNAP) -> bytes:
    """Return the first bytes of ``/proc/PID/NAME`` if the process started at *start*, else b""."""
    found = READING.reader.read(pid, ticks(start), (name,), most)
    return found[0] or b"" if found else b""


def read_each(processes: Iterable[tuple[int, int]], name: File | Link, most: int = SNAP) -> Iterator[bytes]:
    """Yield what :func:`read_if_same` returns for each of *processes*, which are pids and when these started."""
    asked = [(pid, ticks(start)) for pid, start in processes]
    for found in READING.reader.read_each(asked, name, most):
        yield found or b""


def facts(pid: int, start: int | None = None) -> Facts | None:
    """Return the facts of a process, or None if it has ended or, with a *start*, is another now."""
    found = READING.reader.read(pid, None if start is None else ticks(start), ("stat", "cmdline", "exe"), SNAP)
    if found is None or (status := parsed(found[0])) is None:
        return None
    return Facts(status, None if found[1] is None else (found[1], None, found[2] or b""))


def pid_namespace(pid: int, start: int) -> int | None:
    """Return the inode of the pid namespace of the process that started at *start*, or None."""
    found = READING.reader.read(pid, ticks(start), ("ns/pid",), SNAP)
    return None if not found or found[0] is None else int(found[0])


def has_other_mounts(pid: int, start: int) -> bool:
    """Return whether the process that started at *start* has another mount namespace than the machine's init.

    False if neither that one's nor that of the kernel's threads can be read, or not that of the process.
    """
    own = READING.reader.read(pid, ticks(start), ("ns/mnt",), SNAP)
    machines = [READING.reader.read(one, None, ("ns/mnt",), SNAP) for one in _FIRST]
    known = [one for one in machines if one and one[0]]
    return bool(known and own and own[0]) and own not in known

"""Processes as /proc shows them to everybody: parent, start, and whether the kernel runs them for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, NamedTuple

# The fields of /proc/PID/stat behind the name of the process (proc(5)), and linux/sched.h.
_STATE, _PARENT, _FLAGS, _START = 0, 1, 6, 19
_PF_KTHREAD: Final = 0x00200000

#: States of a process that has ended, and is not reaped yet.
_GONE: Final = (b"Z", b"X", b"x")

#: Nanoseconds of a clock tick, in which /proc tells times.
TICK: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """One process.

    :ivar start: when it was started, in clock ticks since the boot.
    :ivar kernel: it is a thread of the kernel.
    :ivar ended: it has ended, and its parent does not know yet.
    """

    pid: int
    parent: int
    start: int
    kernel: bool
    ended: bool


def stat_of(pid: int) -> Stat | None:
    """Return the process *pid*; None: there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 (there may be thousands to read)
            fields = file.read().rpartition(b") ")[2].split()
    except OSError:
        return None
    if len(fields) <= _START:
        return None
    kernel = bool(int(fields[_FLAGS]) & _PF_KTHREAD)
    return Stat(pid, int(fields[_PARENT]), int(fields[_START]), kernel, fields[_STATE] in _GONE)


def everyone() -> Iterator[Stat]:
    """Yield all processes."""
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal() and (found := stat_of(int(name))) is not None:
            yield found


def ancestors(pid: int) -> Iterator[int]:
    """Yield the parent of process *pid*, that one's parent, and so on."""
    seen: set[int] = set()
    while (found := stat_of(pid)) is not None and found.parent and found.parent not in seen:
        pid = found.parent
        seen.add(pid)
        yield pid


def name_of(pid: int) -> str:
    """Return the name of process *pid*, for people: it may say anything."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:  # noqa: PTH123
            return file.read().decode(errors="replace").strip()
    except OSError:
        return "?"


def cgroup_of(pid: int) -> str | None:
    """Return the path of the cgroup (version 2) of process *pid*; None: it is gone, or there are no such cgroups."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            return next((line[3:].rstrip("\n") for line in file if line.startswith("0::")), None)
    except OSError:
        return None

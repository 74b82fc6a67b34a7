"""Finds out how a process's container is confined, for drivers whose events do not tell it.

As the probe has it: by the bounding set and the seccomp filter of the init of the process's pid namespace, or, in the
machine's, of the process itself. Both are read in ``/proc`` when a rule first asks. Of an init that has ended by then,
the capabilities count that its last exec gave it, which for root are the bounding set.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.boot_clock import TICK, boot_time
from falcohost_syscall.processes.table import Process

#: Most processes of which it is remembered, and most ancestors that are looked at for the init of a pid namespace.
MOST: Final = 4096
_MOST_ABOVE: Final = 64
#: Most bytes of a process's status; before what is read in it stand the user's groups.
_LONGEST: Final = 16384
_INIT: Final = 1


class Confinement:
    """Remembers which processes are unconfined; *user* returns the effective user of one, None if that is not known."""

    def __init__(self, user: Callable[[Process], int | None]) -> None:
        self._user = user
        self._all: int | None = None
        self._known: dict[tuple[int, int, int], bool | None] = {}

    def is_unconfined(self, process: Process) -> bool | None:
        """Return whether the container of *process* may do all that the machine's init may; None: it is not known."""
        first = process if process.image.privileged is not None else first_of(process)
        if first.image.privileged is not None:
            return first.image.privileged
        key = (first.pid, first.start, first.image.exec_ts)
        if key not in self._known:
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = self._found(first)
        return self._known[key]

    def _found(self, process: Process) -> bool | None:
        if self._all is None:
            machines = procfs.read(_INIT, "status", _LONGEST)
            found = None if machines is None else bounds(machines)
            if found is None:
                return None
            self._all = found[0]
        status = _status(process)
        own = None if status is None else bounds(status)
        if own is not None:
            return not (self._all & ~own[0] or own[1])
        caps = process.image.caps
        if caps is None or not process.image.exec_ts:
            return None
        if not self._all & ~caps[0]:
            return True
        return False if self._user(process) == 0 else None


def first_of(process: Process) -> Process:
    """Return the init of the pid namespace of *process*; the process itself in the machine's, or if it is not known."""
    if process.vpid == process.pid:
        return process
    for one in (process, *islice(process.ancestors(), _MOST_ABOVE)):
        if one.vpid == one.pid:
            break  # it has entered the namespace from outside
        if one.vpid == _INIT:
            return one
    return process


def bounds(status: bytes) -> tuple[int, bool] | None:
    """Return the bounding set, and whether there is a seccomp filter, of ``/proc/PID/status``; None: it is cut."""
    lines = dict(line.split(b":", 1) for line in status.splitlines() if b":" in line)
    try:
        return int(lines[b"CapBnd"], 16), int(lines.get(b"Seccomp", b"0")) != 0
    except (KeyError, ValueError):
        return None


def _status(process: Process) -> bytes | None:
    """Return the status of a process; None: it has ended, and its id may be another's."""
    found = procfs.READING.reader.read(process.pid, None, ("stat", "status"), _LONGEST)
    stat = None if found is None else procfs.parsed(found[0])
    if found is None or stat is None or stat.start + boot_time() > process.start + TICK:
        return None
    return found[1]

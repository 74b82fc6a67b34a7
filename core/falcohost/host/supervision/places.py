"""Raises an alert when a process of the agent is put into another cgroup, where it can be frozen or starved."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Final

from falcohost.agent import AgentProcess
from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.texts import printable
from falcohost.host.kernel_files import read_kernel_file
from falcohost.host.supervision import freezer
from falcohost.host.supervision.loop import ALMOST
from falcohost.host.supervision.tampering import TAMPERED
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log

#: Seconds between two looks, and most characters of a cgroup's path in an alert.
PAUSE: Final = ALMOST
MOST_TOLD: Final = 200

#: Flag of a process that ends (include/linux/sched.h); SIGKILL in a set of signals that wait.
_PF_EXITING: Final = 0x4
_KILLED: Final = 1 << signal.SIGKILL - 1


def cgroups_of(pid: int, before: bytes = b"") -> bytes:
    """Return what is in ``/proc/PID/cgroup``; empty: the process has ended, or is ending.

    The kernel takes a process that ends out of its cgroups of version 1, and the supervisor takes one out that it has
    killed. So its flags are read after them, unless they are as *before*.
    """
    try:
        there = freezer.cgroups_of(pid)
        if there == before:
            return there
        facts = read_kernel_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return b""
    flags, waiting = int(facts[6]), int(facts[28])
    return b"" if flags & _PF_EXITING or waiting & _KILLED else there


class Places:
    """The cgroups of the agent's processes, which stay where they were when they were first seen."""

    def __init__(
        self,
        raise_alert: RaiseAlert,
        clock: Clock = SYSTEM,
        cgroups: Callable[[int, bytes], bytes] = cgroups_of,
    ) -> None:
        self._raise = raise_alert
        self._clock = clock
        self._cgroups = cgroups
        self._seen: dict[tuple[int, int], bytes] = {}
        self._due = 0.0

    def look(self, processes: Iterable[AgentProcess]) -> None:
        """Tell of those of *processes* that were moved since the last look."""
        if (now := self._clock.monotonic()) < self._due:
            return
        self._due = now + PAUSE
        before, self._seen = self._seen, {}
        for process in processes:
            key = process.pid, process.since
            former = before.get(key, b"")
            if not (there := self._cgroups(process.pid, former)):
                continue
            self._seen[key] = there
            if former not in (b"", there) and _lines(there) != _lines(former):
                self._tell(process, _lines(there) - _lines(former))

    def _tell(self, process: AgentProcess, new: Iterable[str]) -> None:
        role = f"{process.role} of {process.source}" if process.source else process.role
        where = printable(", ".join(line.partition(":")[2] for line in sorted(new)))[:MOST_TOLD]
        text = f"somebody has put process {process.pid} ({role}) into another cgroup: {where}"
        log.error("%s", text)
        fields = {"source": process.source, "found": where, "others": 0}
        self._raise(TAMPERED, Priority.CRITICAL, text, fields)


def _lines(cgroups: bytes) -> frozenset[str]:
    return frozenset(cgroups.decode(errors="replace").splitlines())

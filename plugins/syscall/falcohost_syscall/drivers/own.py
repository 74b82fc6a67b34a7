"""Tells what the agent's processes do from everything else: an alert that is written would raise the next one.

Which descriptors and processes they have is in the tables all the same. What none of them does is an event like all
others, since a process of the agent may be in an attacker's hands.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Final

from falcohost.agent import AgentProcess
from falcohost.helpers import Helper
from falcohost_syscall.events.agent_parts import LOADING, NEVER
from falcohost_syscall.processes.boot_clock import TICK, boot_time, since_boot
from falcohost_syscall.processes.proc_reader import since
from falcohost_syscall.scap.changes import CHANGES
from falcohost_syscall.scap.event import CapturedEvent
from falcohost_syscall.scap.event_types import TYPES

#: The start of a process is known to about this many nanoseconds.
_ABOUT: Final = TICK + 1_000_000_000
#: What is read also of the agent's processes.
_TOLD: Final = NEVER | LOADING | {TYPES[code].name for code in CHANGES}


def is_quiet(name: str) -> bool:
    """Return whether calls of this name, by a process of the agent, are none of rules' events, and change no table."""
    return name not in _TOLD


class OwnProcesses:
    """Knows the agent's processes: the *supervisor*, those that it has told of, and the *helpers* of this one.

    Without a supervisor, it is this process alone, as of a command that records or shows what this host does.

    :ivar quiet: processes of the agent of which a driver may pass over unread what :func:`is_quiet` says: what it takes
        to find out that an event is the agent's own would be the next such event, or several of them.
    """

    def __init__(self, supervisor: int | None, helpers: Mapping[str, Helper]) -> None:
        self._supervisor = supervisor
        self._more = {one.pid: (since(one.pid), False) for one in helpers.values()}
        if supervisor is None:  # a command, which loads its programs itself
            self._more[os.getpid()] = (since(os.getpid()), True)
        else:
            self._more[supervisor] = (since(supervisor), False)
        self._known = dict(self._more)
        self._workers: frozenset[int] = frozenset()
        self._compared: dict[int, tuple[int, bool]] = {}
        self.quiet: set[int] = set()

    def take(self, processes: Collection[AgentProcess]) -> None:
        """Take note that these are the processes that the supervisor has.

        The other workers, such as a former one, have helpers of their own.
        """
        self._workers = frozenset(one.pid for one in processes if one.role == "worker" and one.pid != os.getpid())
        self._known = self._more | {one.pid: (one.since, one.role == "loader") for one in processes}
        self._compared.clear()
        self.quiet.clear()

    def forget(self, pid: int) -> None:
        """Take note that process *pid* ends, executes a program, or has just begun: it may not be the agent's."""
        self._compared.pop(pid, None)
        self.quiet.discard(pid)

    def have(self, event: CapturedEvent) -> bool:
        """Return whether *event* is what a process of the agent does, and no more than that.

        Not if the process has executed a program, or has got the pid of one that has ended.
        """
        process = event.proc
        known = self._known.get(process.pid)
        if known is None and process.ppid != self._supervisor and process.ppid not in self._workers:
            return False
        if process.image.exec_ts and process.pid != self._supervisor:
            return False
        loads = known is not None and known[1]
        if known is not None and event.start and not self._is_same(process.pid, known[0], event.start):
            return False
        return event.type not in NEVER and (loads or event.type not in LOADING)

    def _is_same(self, pid: int, since_ticks: int, start: int) -> bool:
        """Return whether the process that began at *start* is the agent's; look at the clock once for each.

        Looking at it takes calls, which may be events: more than one for each event would never end.
        """
        compared = self._compared.get(pid)
        if compared is None or compared[0] != start:
            is_same = abs(boot_time() + since_boot(since_ticks) - start) <= _ABOUT
            compared = self._compared[pid] = start, is_same
            if is_same:
                self.quiet.add(pid)
            else:
                self.quiet.discard(pid)
        return compared[1]

"""Tells sources and their loaders which processes the agent has, and what each is there for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from falcohost.agent import AgentProcess, Job
from falcohost.host import wire
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.services import Services
from falcohost.host.supervision.workers import Workers

# The field of /proc/PID/stat behind the name of the process that says when it was started.
_SINCE: Final = 19


class Roster:
    """The agent's processes. All of them are children of this one, so that a pid stays theirs until they are reaped."""

    def __init__(self, workers: Workers, services: Services) -> None:
        self._workers = workers
        self._services = services
        self._told: tuple[tuple[int, str, str, Job | None], ...] = ()
        self._begun: dict[int, int] = {}

    def look(self) -> None:
        """Tell everybody, if there are other processes than there were, or one has another job."""
        now = tuple(self._running())
        if now != self._told:
            self._told = now
            at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self._begun = {pid: self._begun.get(pid, at) for pid, _, _, job in now if job is not None}
            processes = tuple(
                AgentProcess(pid, since(pid), role, source, job, self._begun.get(pid, 0))
                for pid, role, source, job in now
            )
            self._workers.tell(wire.Processes(processes))

    def _running(self) -> Iterator[tuple[int, str, str, Job | None]]:
        yield os.getpid(), "supervisor", "", None
        for role, service in self._services.running():
            yield service, role, "", self._services.job(role)
        yield from _of_sources(self._workers.children)


def _of_sources(children: Iterable[Child]) -> Iterator[tuple[int, str, str, Job | None]]:
    for child in children:
        if child.process is not None:
            yield child.pid, "worker", child.name, child.job
        for loader in (child.preparation, child.next_preparation):
            if loader is not None and loader.process is not None:
                yield loader.process.pid, "loader", child.name, loader.job


def since(pid: int) -> int:
    """Return when process *pid* was started, as :attr:`AgentProcess.since` has it; 0: it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat.rpartition(b") ")[2].split()[_SINCE])

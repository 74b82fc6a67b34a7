"""Tells sources and their loaders which processes the agent has, and what each is there for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from msgspec.structs import replace

from falcohost.agent import AgentProcess, Job
from falcohost.clock import SYSTEM, Clock
from falcohost.host import wire
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.workers import Workers

# The field of /proc/PID/stat behind the name of the process that says when it was started.
_SINCE: Final = 19

#: Seconds for which a process that has ended is still told of, and the most of them. A worker that takes the place of a
#: killed one reads events about processes that ended meanwhile.
REMEMBERED: Final = 30.0
MOST_REMEMBERED: Final = 64


class HasProcesses(Protocol):
    """Has processes that are of no source."""

    def running(self) -> Iterable[tuple[str, int]]:
        """Return the name and the pid of each that there is."""

    def job(self, name: str) -> Job | None:
        """Return the job of the process *name*; None: it still prepares it."""


class Roster:
    """The agent's processes. All of them are children of this one, so that a pid stays theirs until they are reaped."""

    def __init__(self, workers: Workers, services: Sequence[HasProcesses], clock: Clock = SYSTEM) -> None:
        self._workers = workers
        self._services = services
        self._clock = clock
        self._told: tuple[tuple[int, str, str, Job | None], ...] = ()
        self._running: tuple[AgentProcess, ...] = ()
        self._ended: dict[int, tuple[float, AgentProcess]] = {}

    @property
    def running(self) -> tuple[AgentProcess, ...]:
        """Return the processes that there were at the last look."""
        return self._running

    def look(self) -> None:
        """Tell everybody, if there are other processes than there were, or one has another job."""
        now = tuple(self._found())
        if now != self._told:
            self._told = now
            self._take(now)
            self._workers.tell(wire.Processes((*self._running, *(process for _, process in self._ended.values()))))

    def _take(self, found: Iterable[tuple[int, str, str, Job | None]]) -> None:
        at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        begun = {one.pid: one.begun for one in self._running if one.begun}
        former, self._running = (
            self._running,
            tuple(
                AgentProcess(pid, since(pid), role, source, job, 0 if job is None else begun.get(pid, at))
                for pid, role, source, job in found
            ),
        )
        self._remember(former)

    def _remember(self, former: Iterable[AgentProcess]) -> None:
        """Remember those of *former* that do not run any more, and forget those that ended long ago."""
        now, running = self._clock.monotonic(), {one.pid for one in self._running}
        for one in former:
            if one.pid not in running:
                self._ended[one.pid] = now, replace(one, ended=True)
        recent = [
            (pid, ended) for pid, ended in self._ended.items() if pid not in running and now - ended[0] < REMEMBERED
        ]
        self._ended = dict(recent[-MOST_REMEMBERED:])

    def _found(self) -> Iterator[tuple[int, str, str, Job | None]]:
        yield os.getpid(), "supervisor", "", None
        for services in self._services:
            yield from ((pid, role, "", services.job(role)) for role, pid in services.running())
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

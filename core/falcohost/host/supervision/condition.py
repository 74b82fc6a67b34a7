"""Whether the agent is ready and works, for the health process; and the numbers of its processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from falcohost.host.health.messages import State
from falcohost.host.snapshot import ProcessSnapshot, ProcessState
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.health import Health
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.response import Response
from falcohost.host.supervision.sentinels import Sentinels
from falcohost.host.supervision.services import Services
from falcohost.host.usage import usage


class Condition:
    """The condition of the agent with these parts."""

    def __init__(self, children: Sequence[Child], services: Services, sentinels: Sentinels, loop: Loop) -> None:
        self._children = children
        self._services = services
        self._sentinels = sentinels
        self._loop = loop

    def state(self) -> State:
        """Return whether the agent works: nothing is down or hangs, and events arrive."""
        down = any(child.stalled or not (child.alive or child.ended or _begins(child)) for child in self._children)
        works = not down and not self._sentinels.missing and self._services.alive
        are_open = all(child.ready or child.ended for child in self._children)
        return State(ready=works and are_open and self._services.opened and self._loop.outcome is None, works=works)

    def processes(self, health: Health, response: Response) -> Iterator[ProcessSnapshot]:
        """Yield the numbers of all processes of the agent."""
        yield _snapshot("supervisor", os.getpid())
        for name, pid in self._services.running():
            yield _snapshot(name, pid, self._services.restarts(name))
        for name, pid in health.running():
            yield _snapshot(name, pid, health.restarts)
        for name, pid in response.running():
            yield _snapshot(name, pid, response.restarts(name))
        yield from _of_sources(self._children)


def _begins(child: Child) -> bool:
    """Return whether its first process has not been started yet."""
    return child.lives == 0 and not child.error


def _of_sources(children: Iterable[Child]) -> Iterator[ProcessSnapshot]:
    for child in children:
        for loader in child.loaders:
            assert loader.process is not None
            yield _snapshot("loader", loader.process.pid, source=child.name)
        if child.alive:
            yield _snapshot("worker", child.pid, max(child.lives - 1, 0), child.name)


def _snapshot(process: str, pid: int, restarts: int = 0, source: str = "") -> ProcessSnapshot:
    return ProcessSnapshot(ProcessState(process, pid, source), usage(pid, restarts))

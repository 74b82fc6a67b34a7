"""Notices workers and loaders that stand still, and has them replaced.

A worker reports its numbers each second, between two batches. A source is stalled when it does not: its opening, its
reading, or the processing of a batch does not end. While it is being opened, what it logs counts, too: some sources
compile for minutes, and say so. A worker or loader that somebody has stopped (SIGSTOP) is noticed at
once, one that is traced or frozen after a moment. A worker is asked to end, which most can even then, and killed if it
does not, or is frozen.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.stalled import ASKS_TO_END
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.freezer import FROZEN
from falcohost.host.supervision.loop import ALMOST
from falcohost.host.supervision.preparation import Preparation
from falcohost.host.supervision.process import A_SIGNAL, Process
from falcohost.log import log

STALLED: Final = "Falcohost internal: source stalled"

#: Seconds that a worker has to end by itself, with its last numbers, before it is killed.
GRACE: Final = 1.0

#: Longest time between two checks in seconds; after a longer one the supervisor itself was not running.
ASLEEP: Final = 5.0

#: Seconds between two looks at whether workers are stopped; one that is, both times, is replaced.
LOOKS: Final = ALMOST

#: Seconds from one replacement at once to the next; meanwhile who is stopped is seen by those looks.
AT_ONCE: Final = 5.0

#: Raises an alert about falcohost itself: rule, priority, text and fields.
RaiseAlert: TypeAlias = Callable[[str, Priority, str, Mapping[str, object]], None]


class Watchdog:
    """Checks the workers of *children*; *limit*: seconds without a report, 0: do not check."""

    def __init__(self, children: Iterable[Child], limit: float, raise_alert: RaiseAlert, clock: Clock = SYSTEM) -> None:
        self._children = list(children)
        self._limit = limit
        self._raise_alert = raise_alert
        self._clock = clock
        self._checked = self._looked = clock.monotonic()
        self._at_once = self._checked - AT_ONCE
        self._stopped: set[int] = set()
        self._replaced: dict[str, int] = {}  # by source: the life that was ended
        self._asked: list[tuple[Child, int, float]] = []  # who was asked to end, in which life, and when

    def check(self) -> None:
        """Replace each worker that has stalled since the last check; report that, and each source that is back."""
        now, before = self._clock.monotonic(), self._checked
        self._checked = now
        self._kill_asked(now)
        if now - self._looked >= LOOKS:
            self._looked = now
            self._look_for_stopped()
        if not self._limit:
            return
        for child in self._children:
            if now - before > ASLEEP:
                child.heard = max(child.heard, now)
            self._check(child, now - child.heard)
            for loader in child.loaders:
                if now - before > ASLEEP:
                    loader.heard = max(loader.heard, now)
                if now - loader.heard >= self._limit:
                    self._replace_loader(child, loader, f"it has not come back for more than {self._limit:g} s")

    def _check(self, child: Child, silent: float) -> None:
        if self._replaced.get(child.name) == child.lives and child.alive:
            return
        if not child.alive or silent < self._limit:
            child.stalled = ""
        elif not child.stalled:
            what = "reading" if child.ready else "being opened"
            self._replace(child, f"it has not come back from {what} for more than {self._limit:g} s", int(silent))

    def replace_stopped(self) -> None:
        """Replace at once who is stopped by a signal, unless one was replaced just now: a worker may stop itself."""
        now = self._clock.monotonic()
        if now - self._at_once >= AT_ONCE and (stopped := [one for one in self._processes() if one.is_stopped()]):
            self._at_once = now
            self._replace_stopped({process.pid: A_SIGNAL for process in stopped})

    def _processes(self) -> Iterator[Process]:
        for child in self._children:
            processes = (child.process, *(loader.process for loader in child.loaders))
            yield from (process for process in processes if process is not None)

    def _look_for_stopped(self) -> None:
        found = {process.pid: process.stopped_by() for process in self._processes()}
        stopped = {pid for pid, how in found.items() if how}
        self._replace_stopped({pid: found[pid] for pid in stopped & self._stopped})
        self._stopped = stopped

    def _replace_stopped(self, stopped: Mapping[int, str]) -> None:
        """Replace each worker and loader whose pid is in *stopped*, by what it was stopped."""
        for child in self._children:
            for loader in child.loaders:
                if loader.process is not None and loader.process.pid in stopped:
                    self._replace_loader(child, loader, f"it was stopped by {stopped[loader.process.pid]}")
            if child.alive and child.pid in stopped and self._replaced.get(child.name) != child.lives:
                self._replace(child, f"its worker was stopped by {stopped[child.pid]}", 0)
                if stopped[child.pid] == FROZEN:  # it cannot even end
                    child.signal(signal.SIGKILL)

    def _replace(self, child: Child, why: str, seconds: int) -> None:
        child.stalled = why
        self._replaced[child.name] = child.lives
        log.error("event source '%s' (pid %d) is stalled: %s; its worker is replaced", child.name, child.pid, why)
        text = f"event source '{child.name}' is stalled: {why}; its worker is replaced"
        self._raise_alert(STALLED, Priority.CRITICAL, text, {"source": child.name, "seconds": seconds})
        child.signal(ASKS_TO_END)
        child.signal(signal.SIGCONT)
        self._asked.append((child, child.lives, self._clock.monotonic()))

    def _kill_asked(self, now: float) -> None:
        """Kill those who were asked to end and have not."""
        for asked in [asked for asked in self._asked if now - asked[2] >= GRACE]:
            child, life, _ = asked
            self._asked.remove(asked)
            if child.alive and child.lives == life:
                child.signal(signal.SIGKILL)

    def _replace_loader(self, child: Child, loader: Preparation, why: str) -> None:
        if not loader.error:
            loader.error = f"{why}, and was killed"
            text = f"the loader of event source '{child.name}' is stalled: {why}; it is replaced"
            log.error("%s", text)
            self._raise_alert(STALLED, Priority.CRITICAL, text, {"source": child.name, "seconds": 0})
            loader.signal(signal.SIGKILL)

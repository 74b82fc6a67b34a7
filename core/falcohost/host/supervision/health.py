"""The health process: starts it, tells it whether the agent works, and gives it numbers when it asks."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from falcohost.agent import Job
from falcohost.alert import Priority
from falcohost.host.health import messages
from falcohost.host.health.given import HealthGiven, start_health
from falcohost.host.jobs import job_of
from falcohost.host.snapshot import Snapshot, encode
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.process import ForkedProcess, start_fork
from falcohost.host.supervision.service import Service
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.host.wire import MAX_MESSAGE

#: Falco's rule of snapshots.
SNAPSHOT: Final = "Falco internal: metrics snapshot"

#: Seconds between two answers, whoever asks how often.
PAUSE: Final = 0.5

#: Most bytes of the numbers in one message.
_MOST: Final = MAX_MESSAGE // 2


class Numbers(Struct, frozen=True):
    """How to get the agent's numbers.

    :ivar refresh: calls its argument when they are those of now.
    :ivar snapshot: returns them.
    """

    refresh: Callable[[Callable[[], None]], None]
    snapshot: Callable[[], Snapshot]


class Health:
    """The process, if the configuration needs one: *given* is None if it does not.

    :param state: returns whether the agent is ready, and whether it works.
    """

    def __init__(
        self,
        loop: Loop,
        given: HealthGiven | None,
        state: Callable[[], messages.State],
        numbers: Numbers,
        raise_alert: RaiseAlert,
    ) -> None:
        self._loop = loop
        self._given = given
        self._state = state
        self._numbers = numbers
        self._raise_alert = raise_alert
        self._told: messages.State | None = None
        self._asked = self._sampling = False
        self._samples = 0
        self._answered = 0.0
        self._reloaded = time.time_ns()
        self._process: Service[messages.ToSupervisor] = Service(
            "health",
            loop,
            self._fork,
            messages.ToSupervisor,
            messages.Tell(),
            self._hear,
            self._begun,
            raise_alert,
        )

    def start(self) -> None:
        """Start the process, if there is to be one."""
        if self._given is not None:
            self._process.start()
            if self._given.interval:
                self._loop.after(self._given.interval, self._sample)

    def look(self) -> None:
        """Tell whether the agent works, if that has changed; replace a process that is stopped or does not answer."""
        if self._given is None:
            return
        self._process.check()
        state = self._state()
        if state != self._told:
            self._told = state
            self._process.send(state)

    def replace_stopped(self) -> None:
        """Replace at once a process that a signal has stopped."""
        self._process.replace_stopped()

    def go_over(self, data: int | None) -> None:
        """Let the process have the memfd *data* in place of the former one."""
        self._reloaded = time.time_ns()
        if data is None:
            return
        if self._given is None:
            os.close(data)
            return
        os.close(self._given.data)
        self._given = self._given.with_data(data)
        self._process.send(messages.NewData(), data)

    def end(self) -> None:
        """End the process: the agent ends."""
        self._process.end()

    @property
    def over(self) -> bool:
        """Return whether there is no process any more."""
        return self._process.over

    @property
    def restarts(self) -> int:
        """Return how often it was started again."""
        return max(self._process.restarts, 0)

    def running(self) -> Iterator[tuple[str, int]]:
        """Yield its name and its pid, if it is there."""
        if self._process.alive:
            yield self._process.name, self._process.pid

    def job(self, name: str) -> Job | None:
        """Return its job; None: it still prepares it."""
        return job_of(self._given.needs) if self._given is not None and self._process.answers else None

    def _fork(self) -> ForkedProcess:
        assert self._given is not None
        return start_fork(functools.partial(start_health, self._given, os.getpid()))

    def _begun(self) -> None:
        self._asked, self._samples, self._told = False, 0, self._state()
        self._process.send(self._told)

    def _hear(self, message: messages.ToSupervisor) -> None:
        if isinstance(message, messages.Ask) and not self._asked:
            self._asked = True
            self._loop.after(max(self._answered + PAUSE - self._loop.clock.monotonic(), 0.0), self._refresh)
        elif isinstance(message, messages.Sample) and self._samples > 0:
            self._samples -= 1
            if messages.is_too_large(message.fields):
                self._process.kill("it sent a snapshot that is too large")
                return
            fields: Mapping[str, object] = message.fields
            self._raise_alert(SNAPSHOT, Priority.INFORMATIONAL, "Falco metrics snapshot", fields)

    def _refresh(self) -> None:
        self._numbers.refresh(self._answer)

    def _answer(self) -> None:
        if self._asked:
            self._asked = False
            self._answered = self._loop.clock.monotonic()
            self._send(sample=False)

    def _sample(self) -> None:
        assert self._given is not None
        self._loop.after(self._given.interval, self._sample)
        if not self._sampling:
            self._sampling = True
            self._numbers.refresh(lambda: self._send(sample=True))

    def _send(self, *, sample: bool) -> None:
        """Send the numbers; for a sample, be ready for as many alerts as there are sources."""
        if sample:
            self._sampling = False
        snapshot = self._numbers.snapshot()
        line = encode(snapshot)
        if sample and self._given is not None and self._given.alerts:
            self._samples = len(snapshot.sources)
        self._process.send(messages.Numbers(line if len(line) <= _MOST else b"", sample, self._reloaded))

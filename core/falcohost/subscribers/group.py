"""Starts, wakes, monitors and closes all subscribers of an agent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

from falcohost.clock import SYSTEM, Clock
from falcohost.log import log
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import RunnerStore, Taken


class Subscribers:
    """The runners of *outputs* and of *consumers*, which may raise alerts. They run inside its ``with`` block.

    :param timeout: seconds after which a blocked one is reported, and that closing one may take.
    :ivar runners: all runners.
    """

    def __init__(
        self,
        outputs: Sequence[Runner],
        consumers: Sequence[Runner],
        store: RunnerStore,
        *,
        timeout: float,
        clock: Clock = SYSTEM,
    ) -> None:
        self.runners = (*outputs, *consumers)
        self._outputs = outputs
        self._consumers = consumers
        self._store = store
        self._timeout = timeout
        self._clock = clock
        self._answered = threading.Condition()
        self._blocked: set[str] = set()

    def __enter__(self) -> Self:
        """Start their threads."""
        for runner in self._outputs:
            runner.start()
        for runner in self._consumers:
            runner.start(self._take_note)
        return self

    def notify(self) -> None:
        """Wake the runners because there are new alerts in the store. Never blocks."""
        for runner in self.runners:
            runner.notify()

    def reopen(self) -> None:
        """Reopen each subscriber before its next delivery."""
        for runner in self.runners:
            runner.reopen()

    def check(self) -> str:
        """Report blocked subscribers; return why no output is left, or an empty string if one is."""
        for runner in self.runners:
            blocked = runner.busy() > self._timeout
            if blocked and runner.name not in self._blocked:
                log.critical('"%s" %s timeout, the %s is blocked', runner.name, runner.kind, runner.kind)
            (self._blocked.add if blocked else self._blocked.discard)(runner.name)
        if self._outputs and all(runner.gone for runner in self._outputs):
            return f"no output is left: the reader of {', '.join(runner.name for runner in self._outputs)} is gone"
        return ""

    def __exit__(self, *_: object) -> None:
        """Deliver what is left and close all: consumers first, so that outputs get their alerts."""
        self.notify()
        with self._answered:
            self._clock.wait_for(self._answered, self._settled, self._timeout)
        for runner in (*self._consumers, *self._outputs):
            runner.close(self._timeout)
            if runner.dropped:
                log.error("%d alerts were not delivered to the %s '%s'", runner.dropped, runner.kind, runner.name)

    def _take_note(self, taken: Taken) -> None:
        if taken.alerts:
            self.notify()
        with self._answered:
            self._answered.notify_all()

    def _settled(self) -> bool:
        """Return whether every consumer has taken all alerts, including those that others have raised."""
        last = self._store.last
        return all(runner.mark == last for runner in self._consumers) and self._store.last == last

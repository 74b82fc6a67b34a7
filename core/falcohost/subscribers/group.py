"""All subscribers of an agent: started, woken, watched and closed together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

from falcohost.clock import SYSTEM, Clock
from falcohost.log import log
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import Alerts, Taken


class Subscribers:
    """The runners of *outputs* and of *consumers*, which may raise alerts themselves. They run inside its ``with``.

    :param timeout: seconds after which one that does not come back is reported, and that closing it may take.
    :ivar runners: all of them.
    """

    def __init__(
        self,
        outputs: Sequence[Runner],
        consumers: Sequence[Runner],
        store: Alerts,
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
        """Take note that there are new alerts in the store; never waits for a subscriber."""
        for runner in self.runners:
            runner.notify()

    def reopen(self) -> None:
        """Have each reopened before it is given anything more."""
        for runner in self.runners:
            runner.reopen()

    def check(self) -> str:
        """Report those that are blocked; return why no output is left, or nothing where one is."""
        for runner in self.runners:
            blocked = runner.busy() > self._timeout
            if blocked and runner.name not in self._blocked:
                log.critical('"%s" %s timeout, the %s is blocked', runner.name, runner.kind, runner.kind)
            (self._blocked.add if blocked else self._blocked.discard)(runner.name)
        if self._outputs and all(runner.gone for runner in self._outputs):
            return f"no output is left: nobody reads {', '.join(runner.name for runner in self._outputs)} any more"
        return ""

    def __exit__(self, *_: object) -> None:
        """Have what is left taken and close them: consumers first, so that outputs get what those raise."""
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
        """Return whether every consumer has taken all that there is, also what the others have raised."""
        last = self._store.last
        return all(runner.mark == last for runner in self._consumers) and self._store.last == last

"""The supervisor's view of a loader: the process that keeps in the kernel what its source's worker reads."""

from __future__ import annotations

import signal

from falcohost.agent import Job
from falcohost.clock import SYSTEM, Clock
from falcohost.host import wire
from falcohost.host.kept_descriptors import Kept
from falcohost.host.supervision.link import Link
from falcohost.host.supervision.process import Process


class Preparation:
    """A loader, and what it has handed up, which stays when the loader has ended.

    :ivar process: its process; None when it has ended.
    :ivar link: the connection to it.
    :ivar ahead: its messages that arrived before it was known to be a loader, for the first :meth:`read`.
    :ivar kept: what it has handed up.
    :ivar heard: when it last showed that it works, on the monotonic clock.
    :ivar outdated: there are newer rules than it has begun with; their number, or 0.
    :ivar job: what it does, once it is confined.
    :ivar waits_until: it has prepared everything, and waits until what a former one has collected is read, at most
        until then unless there is a worker that reads it; None: it does not wait.
    :ivar error: why it has failed, in the words of the source; empty if it has not.
    """

    def __init__(self, process: Process, link: Link, kept: Kept, clock: Clock = SYSTEM) -> None:
        self.process: Process | None = process
        self.heard = clock.monotonic()
        self._clock = clock
        self.link = link
        self.kept = kept
        self.ahead: list[wire.Up] = []
        self.outdated = 0
        self.waits_until: float | None = None
        self.error = ""
        self.job: Job | None = None

    def read(self) -> list[wire.Up]:
        """Return the messages that are now complete. One that is not valid is its end."""
        messages, self.ahead = self.ahead, []
        try:
            messages += () if self.link.closed else self.link.read() or ()
        except ValueError as error:
            self.error = f"it sent an invalid message ({error}) and was killed"
            self.signal(signal.SIGKILL)
            return []
        if messages:
            self.heard = self._clock.monotonic()
        for message in messages:
            if isinstance(message, wire.Descriptors):
                self.kept.take(message.counts, message.held)
            elif isinstance(message, wire.Confined):
                self.job = message.job
            elif isinstance(message, wire.Failed):
                self.error = message.error
        return messages

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None:
            self.process.signal(number)

    def bury(self) -> str:
        """Clean up after it has ended; return the cause in words. What it has handed up is still kept."""
        assert self.process is not None
        self.link.close()
        cause = self.process.reap()
        self.process = None
        return self.error or cause

"""The supervisor's view of a loader: the process that keeps in the kernel what its source's worker reads."""

from __future__ import annotations

import signal

from falcohost.agent import Job
from falcohost.clock import SYSTEM, Clock
from falcohost.host import wire
from falcohost.host.kept_descriptors import Kept, NoRoom
from falcohost.host.supervision.link import Link
from falcohost.host.supervision.process import Process
from falcohost.store.admission import Refused


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
        messages += () if self.link.closed else self.link.read() or ()
        if messages:
            self.heard = self._clock.monotonic()
        try:
            for message in messages:
                self._note(message)
            if self.link.refused is not None:
                raise self.link.refused
        except NoRoom as error:
            self.error = str(error)
            self.signal(signal.SIGKILL)
            return []
        except Refused as refused:
            self.error = f"it sent an invalid message ({refused}) and was killed"
            self.signal(signal.SIGKILL)
            return []
        return messages

    def _note(self, message: wire.Up) -> None:
        if isinstance(message, wire.Descriptors):
            if not self.kept.take(message.counts, message.held):
                raise Refused("other descriptors than it has to send")
        elif isinstance(message, wire.Confined):
            self.job = message.job
        elif isinstance(message, wire.Failed):
            self.error = message.error
        elif isinstance(message, wire.OfWorkers):
            raise Refused("what only a worker says")

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

"""The supervisor's view of a loader: the process that keeps in the kernel what its source's worker reads."""

from __future__ import annotations

import signal

from falcohost.host import wire
from falcohost.host.supervision.link import Link
from falcohost.host.supervision.process import Process


class Preparation:
    """A loader that has prepared everything; it began as the source's worker.

    :ivar link: the connection to it.
    """

    def __init__(self, process: Process, link: Link) -> None:
        self.process = process
        self.link = link

    def read(self) -> list[wire.Up]:
        """Return the messages that are now complete. One that is not valid is its end."""
        try:
            return self.link.read() or []
        except ValueError:
            self.signal(signal.SIGKILL)
            return []

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.signal(number)

    def bury(self) -> str:
        """Clean up after it has ended; return the cause in words."""
        self.link.close()
        return self.process.reap()

"""The supervisor's view of a source's worker over all restarts: its process, its messages, its numbers."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

from falcohost.clock import SYSTEM, Clock
from falcohost.counters import plus
from falcohost.host import wire
from falcohost.host.kept_descriptors import Kept
from falcohost.host.numbers import NOTHING
from falcohost.host.supervision.backoff import RestartDelay
from falcohost.host.supervision.link import Link
from falcohost.host.supervision.process import FORBIDDEN, Fork, Process, fork

_NO_REPORT = wire.Report(NOTHING)


class Child:
    """The worker of the source *name*.

    :param start_process: starts a worker process.
    :ivar data: the memfd with its settings and rules; this object closes it.
    :ivar process: the process; None while there is none.
    :ivar link: the connection to this process, or to the previous one.
    :ivar ready: its source is open.
    :ivar was_ready: its source was open at some time.
    :ivar ended: the source has ended.
    :ivar renewing: the worker was told to end so that a new one reopens the source.
    :ivar secrets: the files with certificates and secrets that the source has read.
    :ivar kept: the descriptors that are kept for the next worker.
    :ivar error: why the last process failed, in the words of the source; empty if it did not.
    :ivar forbidden: the last process was killed for a system call that it may not make.
    :ivar stalled: why the source counts as stalled; empty if it does not.
    :ivar heard: when the worker last showed that it is not, on the monotonic clock.
    :ivar report: the last report of the current process.
    :ivar totals: the numbers of all processes together.
    :ivar lives: number of processes so far.
    """

    def __init__(self, name: str, data: int, start_process: Fork = fork, clock: Clock = SYSTEM) -> None:
        self.name = name
        self.secrets: tuple[str, ...] = ()
        self.data = data
        self.process: Process | None = None
        self.link: Link
        self.pid = 0
        self.ready = self.was_ready = False
        self.ended = self.renewing = False
        self.kept = Kept()
        self.error = self.trace = self.stalled = ""
        self.forbidden = False
        self.heard = 0.0
        self.backoff = RestartDelay()
        self.report = _NO_REPORT
        self.totals = self._before = NOTHING
        self.lives = 0
        self._start_process = start_process
        self._clock = clock
        self._born = self._lived = 0.0

    @property
    def alive(self) -> bool:
        """Return whether the worker has a process."""
        return self.process is not None

    @property
    def seconds(self) -> float:
        """Return the seconds that all processes have run, in total."""
        return self._lived + (self._clock.monotonic() - self._born if self.alive else 0.0)

    def start(self, store: socket.socket) -> Process:
        """Start a process whose alerts go to *store*.

        :raises OSError: none can be started.
        """
        self.error = self.trace = ""
        self.forbidden = False
        self.process = process = self._start_process(self.name, self.data, store, self.kept.descriptors)
        self.link = Link(process.link, self.kept)
        self.pid = process.pid
        self._born = self.heard = self._clock.monotonic()
        self.lives += 1
        return process

    def go_over(self, data: int) -> int:
        """Have later processes get the memfd *data* in place of the former one; return it."""
        os.close(self.data)
        self.data = data
        return data

    def read(self) -> list[wire.Up] | None:
        """Return the messages that are now complete; None if no data has arrived.

        Updates this object from messages about the worker itself.
        """
        try:
            messages = self.link.read()
        except ValueError as error:
            self.accuse(str(error))
            return []
        for message in messages or ():
            self._note(message)
        return messages

    def accuse(self, error: str) -> None:
        """Kill the worker, which is compromised: it has sent a message that is not valid."""
        self.error = f"its worker sent an invalid message ({error}) and was killed"
        self.signal(signal.SIGKILL)

    def drain(self) -> Iterator[wire.Up]:
        """Yield the remaining messages of a worker that has ended."""
        while (messages := self.read()) is not None:
            yield from messages

    def signal(self, number: signal.Signals) -> None:
        """Send the worker a signal."""
        if self.process is not None:
            self.process.signal(number)

    def renew(self) -> None:
        """Tell the worker to end, so that a new one reopens the source."""
        self.renewing = self.alive
        self.signal(signal.SIGTERM)

    def bury(self, process: Process) -> str:
        """Clean up after the process has ended; return the cause in words.

        Closes what is kept if no new worker will use it soon: so senders are refused whom nobody would serve.
        """
        if not self.ready or (self.ended and not self.renewing):
            self.kept.close()
        self.link.close()
        cause = process.reap()
        self.forbidden = cause == FORBIDDEN
        life = self._clock.monotonic() - self._born
        self._lived += life
        self.backoff.lived(life)
        self._before = self.totals
        self._take(_NO_REPORT)
        self.process, self.ready = None, False
        return self.error or cause

    def _note(self, message: wire.Up) -> None:
        if isinstance(message, wire.Ready):
            self.ready = self.was_ready = True
            self.heard = self._clock.monotonic()
        elif isinstance(message, wire.Secrets) and not self.ready:
            self.secrets = tuple(message.files)
        elif isinstance(message, wire.Descriptors):
            self.kept.take(message.counts)
        elif isinstance(message, wire.Report):
            self._take(message)
            self.heard = self._clock.monotonic()
        elif isinstance(message, wire.Ended):
            self.ended = True
        elif isinstance(message, wire.Failed):
            self.error, self.trace = message.error, message.trace

    def _take(self, report: wire.Report) -> None:
        self.report = report
        self.totals = plus(self._before, report.numbers)

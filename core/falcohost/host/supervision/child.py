"""The supervisor's view of a source's worker over all restarts: its process, its messages, its numbers."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Collection, Iterable, Iterator

from falcohost.agent import Job
from falcohost.clock import SYSTEM, Clock
from falcohost.counters import plus
from falcohost.handed import MOST_KEPT, room
from falcohost.host import wire
from falcohost.host.checked import Speech
from falcohost.host.kept_descriptors import Kept, NoRoom
from falcohost.host.numbers import NOTHING
from falcohost.host.supervision.backoff import RestartDelay
from falcohost.host.supervision.link import Link
from falcohost.host.supervision.preparation import Preparation
from falcohost.host.supervision.process import FORBIDDEN, Fork, Process, fork
from falcohost.store.admission import Refused

_NO_REPORT = wire.Report(NOTHING)


class Child:
    """The worker of the source *name*.

    :param start_process: starts a worker process.
    :param rules: the names of the source's rules.
    :param kept: the descriptors that an earlier supervisor has kept.
    :param loads: the source has a loader.
    :ivar job: what the process does, once it is confined.
    :ivar data: the memfd with its settings and rules; this object closes it.
    :ivar process: the process; None while there is none.
    :ivar link: the connection to this process, or to the previous one.
    :ivar ready: its source is open.
    :ivar was_ready: its source was open at some time.
    :ivar ended: the source has ended.
    :ivar renewing: the worker was told to end so that a new one reopens the source.
    :ivar told_all: the last process has ended as it was told to, and all of its alerts are stored.
    :ivar secrets: the files with certificates and secrets that the source has read.
    :ivar kept: the descriptors that are kept for the next worker.
    :ivar preparation: the loader that has prepared what the worker reads; None if there is none.
    :ivar next_preparation: the one that will take its place and is preparing; None if there is none.
    :ivar error: why the last process failed, in the words of the source; empty if it did not.
    :ivar forbidden: the last process was killed for a system call that it may not make.
    :ivar at_once: the last process did not fail by itself, so that the next one need not wait.
    :ivar stalled: why the source counts as stalled; empty if it does not.
    :ivar heard: when the worker last showed that it is not, on the monotonic clock.
    :ivar report: the last report of the current process.
    :ivar totals: the numbers of all processes together.
    :ivar lives: number of processes so far.
    :ivar refused: why the last process was killed for what it has said; empty if it was not.
    :ivar speech: decides which of its messages are heard.
    """

    def __init__(
        self,
        name: str,
        data: int,
        start_process: Fork = fork,
        clock: Clock = SYSTEM,
        *,
        rules: Collection[str] = (),
        kept: Kept | None = None,
        loads: bool = False,
    ) -> None:
        self.name = name
        self.secrets: tuple[str, ...] = ()
        self.data = data
        self.process: Process | None = None
        self.link: Link
        self.pid = 0
        self.job: Job | None = None
        self.ready = self.was_ready = False
        self.ended = self.renewing = self.told_all = False
        self.kept = kept or Kept()
        self.preparation: Preparation | None = None
        self.next_preparation: Preparation | None = None
        self.at_once = self._asked = self._spared = self._unheard = self._handed_up = False
        self.error = self.trace = self.stalled = self.refused = ""
        self.speech = Speech(rules, clock)
        self._loads = loads
        self.forbidden = False
        self.heard = 0.0
        self.backoff = RestartDelay(clock)
        self.report = _NO_REPORT
        self._of_loader: list[wire.Up] = []
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
    def present(self) -> bool:
        """Return whether the worker or its loader has a process."""
        return self.alive or any(self.loaders)

    @property
    def loaders(self) -> Iterator[Preparation]:
        """Yield the loaders that have a process."""
        for loader in (self.preparation, self.next_preparation):
            if loader is not None and loader.process is not None:
                yield loader

    @property
    def to_keep(self) -> Kept:
        """Return the descriptors that are of use to a later supervisor."""
        return self.kept if self.preparation is None else self.preparation.kept

    @property
    def seconds(self) -> float:
        """Return the seconds that all processes have run, in total."""
        return self._lived + (self._clock.monotonic() - self._born if self.alive else 0.0)

    def start(self, store: socket.socket) -> Process:
        """Start a process whose alerts go to *store*.

        :raises OSError: none can be started.
        """
        self.error = self.trace = self.refused = ""
        self.forbidden = self.at_once = self._asked = self._spared = self._unheard = self.told_all = False
        self.job, self._handed_up = None, False
        self.speech.begin()
        kept = self.to_keep
        held = kept.held if self.preparation is None else {}
        self.process = process = self._start_process(self.name, self.data, store, kept.descriptors, held)
        self.kept.begin(room() if self._loads and self.preparation is None else MOST_KEPT)
        self.link = Link(process.link, self.kept)
        self.pid = process.pid
        self._born = self.heard = self._clock.monotonic()
        self.lives += 1
        return process

    def prepared(self, process: Process) -> Preparation:
        """Take note that the process is a loader, which has prepared everything, and that another has to be started."""
        self.preparation = Preparation(process, self.link, self.kept, self._clock)
        self.preparation.ahead, self._of_loader = self._of_loader, []
        self.preparation.job, self.job = self.job, None
        self.process, self.kept = None, Kept()
        self.lives -= 1
        return self.preparation

    def start_loader(self, store: socket.socket) -> Preparation:
        """Start a loader that will take the place of the one that has ended.

        :raises OSError: none can be started.
        """
        process, kept = self._start_process(self.name, self.data, store, {}, {}), Kept(room())
        self.next_preparation = Preparation(process, Link(process.link, kept), kept, self._clock)
        return self.next_preparation

    def go_over_to_next(self) -> None:
        """Let go of what the former loader has prepared: the next one has prepared everything anew."""
        assert self.preparation is not None and self.next_preparation is not None
        former = self.preparation.kept
        self.preparation, self.next_preparation = self.next_preparation, None
        self.preparation.kept.take_former(former)

    def forget_next(self) -> None:
        """Take note that the next loader has ended before it had prepared everything."""
        if self.next_preparation is not None:
            self.next_preparation.kept.close()
            self.next_preparation = None

    def go_over(self, number: int, data: int, rules: Collection[str]) -> int:
        """Have later processes get the memfd *data* in place of the former one; return it.

        :param number: identifies the reload; *rules*: the names of its rules.
        """
        os.close(self.data)
        self.data = data
        self.speech.expect(number, rules)
        return data

    def read(self) -> list[wire.Up] | None:
        """Return the messages that are now complete; None if no data has arrived.

        Updates this object from messages about the worker itself. What follows a loader's :class:`.wire.Loaded` is kept
        for :meth:`prepared`: it is no worker's.
        """
        messages = self.link.read()
        if messages is None:
            return None
        if self.preparation is None:
            count = next((place for place, one in enumerate(messages, 1) if isinstance(one, wire.Loaded)), None)
            if count is not None:
                messages, self._of_loader = messages[:count], messages[count:]
        return self._checked(messages)

    def _checked(self, messages: Iterable[wire.Up]) -> list[wire.Up]:
        """Return those of a worker's *messages* that are to be heard."""
        heard: list[wire.Up] = []
        try:
            for message in () if self.refused or self._unheard else messages:
                if self.speech.check(message):
                    self._note(message)
                    heard.append(message)
            if self.link.refused is not None:
                raise self.link.refused
        except NoRoom as error:
            self.error, self._unheard = str(error), True
            self.signal(signal.SIGKILL)
        except Refused as refused:
            self.accuse(str(refused))
        return heard

    def accuse(self, error: str) -> None:
        """Kill the worker, which is compromised: it has sent a message that is not valid. It is not heard any more."""
        self.refused = self.refused or error
        self.error = f"its worker sent an invalid message ({error}) and was killed"
        self.signal(signal.SIGKILL)

    def drain(self) -> Iterator[wire.Up]:
        """Yield the remaining messages of a worker that has ended."""
        while (messages := self.read()) is not None:
            yield from messages
            yield from self._checked(self._of_loader)
            self._of_loader = []

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

        Closes what is kept if no new worker will use it soon: so senders are refused whom nobody would serve. A worker
        that ends in another way than it was told to is not :attr:`renewing` any more.
        """
        self.renewing = self.renewing and (self._asked or self.ended or not self.ready)
        if self.preparation is None and (not self.ready or (self.ended and not self.renewing)):
            self.kept.close()
        self.link.close()
        cause = process.reap()
        self.forbidden = cause == FORBIDDEN
        killed = cause.startswith("killed by ") and not self.forbidden
        open_and_killed = self.ready and (killed or self._asked or self._spared)
        self.at_once = (not self.error or self._spared) and (open_and_killed or self.preparation is not None)
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
            self.to_keep.forget_former()
            if self.preparation is None and not self._handed_up:
                self.kept.close()  # a worker before had it, of other settings; this one has no use for it
            self.heard = self._clock.monotonic()
        elif isinstance(message, wire.LogLine) and not self.ready:
            self.heard = self._clock.monotonic()  # opening takes long, as it says
        elif isinstance(message, wire.Secrets) and not self.ready:
            self.secrets = tuple(message.files)
        elif isinstance(message, wire.Descriptors):
            if self.ready or self.preparation is not None or not self.kept.take(message.counts, message.held):
                raise Refused("other descriptors than it has to send")
            self._handed_up = True
        elif isinstance(message, wire.Confined):
            self.job = message.job
        elif isinstance(message, wire.Report):
            self._take(message)
            self.heard = self._clock.monotonic()
        elif isinstance(message, wire.Ended):
            if not message.asked and (self.preparation is not None or self.kept.descriptors):
                raise Refused("the end of a source that does not end: it has ports, or what the kernel collects")
            self.ended, self._asked = not message.asked, message.asked
            self.told_all = message.asked and message.stored
        elif isinstance(message, wire.Loaded):
            if not self._loads or self.preparation is not None:
                raise Refused("what only a loader says")
        elif isinstance(message, wire.Failed):
            self.error, self.trace, self._spared = message.error, message.trace, message.killed

    def _take(self, report: wire.Report) -> None:
        self.report = report
        self.totals = report.numbers if self._before is NOTHING else plus(self._before, report.numbers)

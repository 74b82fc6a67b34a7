"""The event source ``syscall``: passes on what the configured driver yields.

It has no cursor, since system calls cannot be read again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcohost import Batch, Event, MarkedSource, Plan, Source, SourceError, SourceStats
from falcohost.agent import AgentProcess, KnowsAgent
from falcohost.needs import Needs, needs_of
from falcohost.own_program import own_program
from falcohost.recording import Recorder
from falcohost.sentinel import Heard, SentinelSource
from falcohost_syscall.drivers import drivers
from falcohost_syscall.drivers.driver import Driver, EndingDriver, MeasuredDriver

if TYPE_CHECKING:
    from falcohost_syscall.recorded.source import RecordedSource


def recorder_of(source: Source) -> Recorder:
    """Return what turns the events of an open source into a capture.

    :raises SourceError: its driver does not observe this machine.
    """
    driver = source.driver if isinstance(source, SyscallSource) else None
    context = getattr(driver, "context", None)
    if context is None:
        raise SourceError("Only what happens on this host can be recorded; engine.kind: replay reads what was.")
    from falcohost_syscall.scap.writing.recorder import Recorder as CaptureRecorder

    return CaptureRecorder(context)


class SyscallSource:
    """The system calls that a driver yields."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        spec = drivers.configured(settings)
        self._make = functools.partial(spec.make, settings)
        if not drivers.checks(spec, settings):
            self.driver = self._make()  # which finds what is wrong with its settings
        own_program()  # while its files may be looked at

    @functools.cached_property
    def driver(self) -> Driver:
        """Return the driver that ``engine.kind`` names. It is imported when it is needed, and not for its settings."""
        made: Driver = self._make()
        return made

    @property
    def needs(self) -> Needs:
        """Return what the driver needs."""
        return needs_of(self.driver)

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Start the driver.

        :raises SourceError: the driver cannot start.
        """
        self.driver.open(plan)

    def reading(self, path: Path) -> RecordedSource:
        """Return a source of the events in JSON in the file at *path*; the driver is not used."""
        from falcohost_syscall.recorded.source import RecordedSource

        return RecordedSource(path)

    def written(self, event: Event) -> Mapping[str, Any]:
        """Return *event* in JSON, as :meth:`reading` reads it."""
        from falcohost_syscall.recorded.writing import told

        return told(event)

    def batches(self) -> Iterator[Batch]:
        """Yield the driver's batches."""
        return self.driver.batches()

    def update(self, plan: Plan) -> None:
        """Collect what *plan* asks for from now on."""
        self.driver.update(plan)

    def ack(self, cursor: str) -> None:
        """Do nothing: the source has no cursor."""

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`."""
        return self.driver.stats()

    def agent(self, processes: Sequence[AgentProcess]) -> None:
        """Pass on which processes the agent has, to a driver that wants to know."""
        if isinstance(self.driver, KnowsAgent):
            self.driver.agent(processes)

    def measure(self, on: bool) -> None:
        """Switch measuring of the kernel's time per event on or off, if the driver supports it."""
        if isinstance(self.driver, MeasuredDriver):
            self.driver.measure(on)

    def end(self) -> None:
        """Have the batches end behind what has happened up to now, if the driver can."""
        if isinstance(self.driver, EndingDriver):
            self.driver.end()

    def left(self) -> int:
        """Return the mark that an earlier worker's driver has left, if this one keeps marks."""
        return self.driver.left() if isinstance(self.driver, MarkedSource) else 0

    def mark(self, number: int) -> None:
        """Have a driver that keeps marks keep *number* with its next position."""
        if isinstance(self.driver, MarkedSource):
            self.driver.mark(number)

    def heard(self) -> Heard | None:
        """Return what has arrived of the sentinels, if the driver has some."""
        return self.driver.heard() if isinstance(self.driver, SentinelSource) else None

    def close(self) -> None:
        """Stop the driver."""
        self.driver.close()

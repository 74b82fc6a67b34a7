"""Declares what a driver is: it yields the events of the syscall source, with the facts that fields read.

How a driver observes system calls is its own business. Its events are
:class:`~falcohost_syscall.events.event.SyscallEvent`. Filters in the kernel are optional, since a driver may pass on
too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from falcohost import Batch, Plan, SourceStats


class Driver(Protocol):
    """Yields events. The factory in a :class:`falcohost.DriverSpec` makes it, and :meth:`open` starts it."""

    def open(self, plan: Plan) -> None:
        """Start to collect the events that *plan* asks for, with the privileges of the caller.

        :raises SourceError: the driver cannot start; the message says what is missing and what to do.
        """

    def update(self, plan: Plan) -> None:
        """Switch to *plan* without losing an event that both plans ask for."""

    def batches(self) -> Iterator[Batch]:
        """Yield events in order of time until there are no more; an empty batch twice a second when idle."""

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`; they remain available after :meth:`close`."""

    def close(self) -> None:
        """Release everything. Called once, also after a failure."""


@runtime_checkable
class EndingDriver(Driver, Protocol):
    """A driver that can end so that a recording has all that happened before."""

    def end(self) -> None:
        """Have :meth:`batches` end behind what waits in the rings (:class:`falcohost.recording.EndingSource`)."""


@runtime_checkable
class MeasuredDriver(Driver, Protocol):
    """A driver that can measure the cost of events in the kernel (``TypeCount.ns``)."""

    def measure(self, on: bool) -> None:
        """Switch measuring on or off."""

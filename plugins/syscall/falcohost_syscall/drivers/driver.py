"""What a driver is: it yields the events of the source ``syscall``, each with what the fields read of it.

How it sees system calls is its own. Events are :class:`~falcohost_syscall.events.event.SyscallEvent`; filters in the
kernel are optional, for a driver may pass on too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from falcohost import Batch, Plan, SourceStats


class Driver(Protocol):
    """Yields events. Made unopened by the factory in its :class:`~falcohost_syscall.drivers.drivers.DriverSpec`."""

    def open(self, plan: Plan) -> None:
        """Start to collect what *plan* wants. Takes every privilege it needs to start.

        :raises SourceError: with a sentence that says what is missing and what to do.
        """

    def update(self, plan: Plan) -> None:
        """Go over to *plan* without losing an event that both plans want."""

    def batches(self) -> Iterator[Batch]:
        """Yield events in the order of time until there will be no more; an empty batch twice a second when idle."""

    def stats(self) -> SourceStats:
        """Return the numbers since :meth:`open`; they stay when the driver is closed."""

    def close(self) -> None:
        """Release everything. Called once, also after a failure."""


@runtime_checkable
class MeasuredDriver(Driver, Protocol):
    """A driver that can measure what events cost in the kernel (``TypeCount.ns``)."""

    def measure(self, on: bool) -> None:
        """Measure from now on, or no longer."""

"""The event source ``syscall``: what the configured driver yields. It cannot be read again, so it has no cursor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falcohost import Batch, Plan, SourceStats
from falcohost_syscall.drivers import drivers
from falcohost_syscall.drivers.driver import Driver, MeasuredDriver


class SyscallSource:
    """System calls, as a driver sees them.

    :ivar driver: the one that ``engine.kind`` names.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.driver: Driver = drivers.configured(settings).make(settings)

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Start the driver.

        :raises SourceError: it cannot be.
        """
        self.driver.open(plan)

    def batches(self) -> Iterator[Batch]:
        """Yield what the driver yields."""
        return self.driver.batches()

    def update(self, plan: Plan) -> None:
        """Collect what *plan* wants from now on."""
        self.driver.update(plan)

    def ack(self, cursor: str) -> None:
        """Do nothing: there is no cursor."""

    def stats(self) -> SourceStats:
        """Return the numbers since :meth:`open`."""
        return self.driver.stats()

    def measure(self, on: bool) -> None:
        """Measure what events cost in the kernel, or no longer, where the driver can."""
        if isinstance(self.driver, MeasuredDriver):
            self.driver.measure(on)

    def close(self) -> None:
        """Stop the driver."""
        self.driver.close()

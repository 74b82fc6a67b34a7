"""Logs the losses of sources, and applies each source's drop policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falcohost.host.drops import DropMonitor, LossLog
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loop import Loop, Outcome


class Losses:
    """Handles losses in the reports of *children*; logs what is left at the end of its ``with`` block.

    :ivar drops: the monitor of each source that has a policy.
    """

    def __init__(self, children: Sequence[Child], drops: Mapping[str, DropMonitor], loop: Loop) -> None:
        self._children = children
        self.drops = drops
        self._loop = loop
        self._logs = {child.name: LossLog(child.name) for child in children}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            self._logs[child.name].tell(child.totals)

    def observe(self, child: Child) -> None:
        """Process a new report of *child*."""
        self._logs[child.name].observe(child.totals)
        if (monitor := self.drops.get(child.name)) is not None:
            monitor.observe(child.totals, child.report.of_drops)
            if monitor.exiting:
                text = f"{monitor.policy.events} were dropped, and {monitor.policy.key} contains 'exit'"
                self._loop.end(Outcome.FAILED, text)

"""What events have in common whose process and tables are at hand: those that are read from a file or from JSON."""

from __future__ import annotations

from falcohost_syscall.events.event import Context
from falcohost_syscall.processes.table import Process


class TabledEvent:
    """An event of *proc*, one of the processes of *ctx*."""

    __slots__ = ()
    source = "syscall"
    proc: Process
    ctx: Context

    @property
    def actor(self) -> tuple[int, int]:
        """Identifies the process."""
        return self.proc.pid, self.proc.start

    @property
    def start_ts(self) -> int | None:
        """The time of the first event."""
        return self.ctx.first

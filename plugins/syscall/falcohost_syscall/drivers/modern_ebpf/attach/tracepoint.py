"""Observes all calls with one program at the tracepoint that they pass when they return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.attachment import Attachment
from falcohost_syscall.drivers.modern_ebpf.attach.handover import Handover
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.program_info import misses

#: The program; it has the name of its tracepoint.
TRACEPOINT: Final = "sys_exit"


class AtTracepoint(Attachment):
    """The probe's program at the tracepoint. With a *handover* it is already attached and takes over from functions."""

    def __init__(self, library: Library, probe: Object, why_not: str = "", handover: Handover | None = None) -> None:
        super().__init__(why_not)
        self._library, self._probe = library, probe
        self._handover = handover

    @property
    def programs(self) -> Sequence[int]:
        """The program."""
        return [self._probe.program_fd(TRACEPOINT)]

    def start(self) -> None:
        """Attach the program."""
        self._probe.attach(TRACEPOINT)

    def leave(self) -> None:
        """Let the program report all calls, including those that functions were to show."""
        if self._handover is not None:
            self._handover.end()
            self._handover = None

    def missed(self) -> int:
        """Return how often the kernel skipped the program because another was running on the same processor."""
        return misses(self._library, self._probe.program_fd(TRACEPOINT))

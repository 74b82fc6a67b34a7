"""The program lets go of what BCC has attached without asking for what a confined worker may not."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from falcohost_syscall.drivers.legacy_ebpf import bcc
from falcohost_syscall.drivers.legacy_ebpf.program import Program


class Bpf:
    """What BCC returns, attached to one tracepoint by a perf event."""

    def __init__(self, text: bytes) -> None:
        self.event, self.other = os.pipe()
        self.tracepoint_fds = {b"raw_syscalls:sys_enter": self.event}
        self.is_clean = False

    def __getitem__(self, name: bytes) -> None:
        """There are no maps."""

    def cleanup(self) -> None:
        """For what is attached, BCC would call ioctl(2)."""
        assert not self.tracepoint_fds
        self.is_clean = True


def test_detaching_needs_no_call_that_is_forbidden(monkeypatch):
    """When it is closed, so are the perf events at the tracepoints, before BCC could ask to switch them off."""
    made = []
    monkeypatch.setattr(bcc, "module", lambda: SimpleNamespace(BPF=lambda text: made.append(Bpf(text)) or made[0]))
    program = Program("", [], 4096)
    program.close()

    assert made[0].is_clean
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made[0].event)
    os.close(made[0].other)

"""Forks of the agent: how their parent notices that they have ended."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from falcohost.host import forked
from falcohost.readable import readable


@pytest.fixture
def old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no descriptors of processes, as before Linux 5.3."""

    def missing(*_: Any) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "pidfd_open", missing)
    monkeypatch.setattr(signal, "pidfd_send_signal", missing)


@contextlib.contextmanager
def _child() -> Iterator[tuple[int, int]]:
    """Yield the pid of a child that waits for a signal, and the descriptor of its end."""
    pid, end = forked.fork_held(_wait)
    try:
        yield pid, end
    finally:
        os.close(end)


def _wait() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        signal.pause()


@pytest.mark.usefixtures("old_kernel")
def test_end_is_told_without_descriptors_of_processes() -> None:
    """Before Linux 5.3 the descriptor of a child becomes readable when it ends, and not before; it is not reaped."""
    with _child() as (pid, end):
        assert readable([end], 0.2) == set()
        os.kill(pid, signal.SIGTERM)
        assert readable([end], 20) == {end}
        assert forked.reaped(pid) == -signal.SIGTERM


@pytest.mark.usefixtures("old_kernel")
def test_child_that_is_reaped_at_once() -> None:
    """A child that is killed and reaped before anybody looks leaves nothing behind that fails."""
    with _child() as (pid, _):
        os.kill(pid, signal.SIGKILL)
        assert forked.reaped(pid) == -signal.SIGKILL

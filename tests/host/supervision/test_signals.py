"""Signals are handled in the loop, and afterwards everything is as it was."""

import gc
import os
import signal
from contextlib import suppress
from pathlib import Path

from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.signals import Signals


def opened():
    """Return what this process has open: where its descriptors lead to."""
    targets = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            targets.add(str(path.readlink()))
    return targets


def test_signals_come_in_order_out_of_the_loop():
    """A signal is handled when the loop turns, not where it hits."""
    loop, handled = Loop(), []
    with Signals(loop, handled.append):
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        assert handled == []
        loop.turn(0)

    assert handled == [signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM]


def test_what_was_before_is_put_back():
    """Handlers are as before, and nothing is left open or watched."""
    gc.collect()  # loops of other tests are closed when they are collected, and never while this one looks
    loop, before, handler = Loop(), opened(), signal.getsignal(signal.SIGTERM)
    with Signals(loop, lambda _: None):
        assert signal.getsignal(signal.SIGTERM) is not handler

    assert signal.getsignal(signal.SIGTERM) is handler
    assert signal.set_wakeup_fd(-1) == -1
    assert opened() - before == set()
    loop.turn(0)

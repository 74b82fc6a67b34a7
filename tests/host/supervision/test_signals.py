"""Signals are handled in the loop, and afterwards everything is as it was."""

import gc
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from falcohost.host.forked import HANDLED
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.signals import SAME, Signals
from falcohost.testing.clock import ManualClock


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


def test_a_signal_that_is_sent_twice():
    """What ends the run counts once if it comes twice at once, as timeout(1) sends it; others count each time."""
    loop, handled = Loop(ManualClock()), []
    with Signals(loop, handled.append):
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGHUP):
            os.kill(os.getpid(), number)
            loop.turn(0)
        loop.clock.advance(SAME)
        os.kill(os.getpid(), signal.SIGINT)
        loop.turn(0)

    assert handled == [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGHUP, signal.SIGINT]


@pytest.fixture
def interrupted(monkeypatch):
    """Have each signal come as soon as its handler in the loop is installed."""
    install = signal.signal

    def installed(number, handler):
        before = install(number, handler)
        if getattr(handler, "__module__", None) == Signals.__module__:
            os.kill(os.getpid(), number)
        return before

    monkeypatch.setattr(signal, "signal", installed)


def test_no_signal_is_lost_while_handlers_are_installed(interrupted):
    """A signal that comes as soon as its handler is there is handled too."""
    loop, handled = Loop(), []
    with Signals(loop, handled.append):
        loop.turn(0)

    assert [*HANDLED, signal.SIGCHLD] == handled


def test_a_signal_is_handled_that_comes_too_late_for_the_loop():
    """A signal that comes when the loop no longer runs is handled at the end."""
    handled = []
    with Signals(Loop(), handled.append):
        os.kill(os.getpid(), signal.SIGTERM)

    assert [signal.SIGTERM] == handled


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

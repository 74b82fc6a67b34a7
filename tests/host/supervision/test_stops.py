"""Processes that are stopped are looked at when the kernel says so."""

import os
import signal

from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.signals import Signals
from falcohost.host.supervision.stops import SETTLES, Stops
from falcohost.testing.clock import ManualClock


def test_a_child_that_is_stopped():
    """A child that a signal stops wakes the loop, which looks a moment later, once for all that happens until then."""
    loop, looked = Loop(ManualClock()), []
    stops = Stops(loop, (lambda: looked.append("workers"), lambda: looked.append("store")))
    child = os.fork()
    if child == 0:
        signal.pause()
    with Signals(loop, lambda number: stops.child_changed() if number == signal.SIGCHLD else None):
        os.kill(child, signal.SIGSTOP)
        loop.turn(60)
        stops.child_changed()
        assert [] == looked
        loop.clock.advance(SETTLES)
        loop.turn(0)
        assert ["workers", "store"] == looked
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        loop.turn(60)
        loop.clock.advance(SETTLES)
        loop.turn(0)

    assert ["workers", "store"] * 2 == looked

"""A process beside the workers that is in an attacker's hands, and the supervisor's side of it."""

import os
import signal
import time

from falcohost.testing.waiting import PATIENCE


def starting(does):
    """Return what runs such a process in a fork, which does what it is told, and then waits to be killed."""

    def start(given, parent, link):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        link.setblocking(True)
        try:
            does(link)
            signal.pause()
        finally:
            os._exit(1)

    return start


class Watched:
    """The supervisor's side, in *loop*, of the processes of *part*."""

    def __init__(self, loop, part):
        self.loop, self.part = loop, part

    def run(self, until):
        """Run until the condition holds."""
        end = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < end
            self.loop.turn(0.05)
            self.part.look()

    def end(self):
        """End the processes."""
        self.part.end()
        self.run(lambda: self.part.over)

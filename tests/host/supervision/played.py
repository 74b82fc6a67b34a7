"""Workers that a test plays in a loop whose clock it turns on, alerts of theirs, and an output that writes a file."""

import os
import socket
import time

import msgspec

from falcohost.host import wire
from falcohost.host.descriptors import receive_with
from falcohost.host.sealed import sealed
from falcohost.host.store_link import StoreLink
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.process import Times
from falcohost.host.supervision.workers import Workers
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert


class Played:
    """A worker's process that the test plays: it speaks by a real socket, and ends when the test says so.

    :ivar ends_by: the signal at which it ends by itself.
    :ivar stopped: what has stopped it.
    :ivar waited: seconds for which it waited for a processor.
    """

    ends_by = None
    stopped = ""
    waited = 0.0

    def __init__(self, data, store, kept):
        self.pid = 4711
        self.data, self.kept = data, dict(kept)
        self.store = StoreLink(store.dup())
        self.signals = []
        self.link, self._there = socket.socketpair()
        self._there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.ended, self._end = os.pipe()
        self._cause = ""
        self._received = wire.Received(wire.Down)

    def signal(self, number):
        """Take note of a signal, and end if it is the one."""
        self.signals.append(number)
        if number == self.ends_by:
            self.say(wire.Ended(asked=True))
            self.end("")

    def stopped_by(self):
        """Return what has stopped it."""
        return self.stopped

    def is_stopped(self):
        """Return whether a signal has stopped it."""
        return self.stopped == "a signal"

    def times(self):
        """Return for how long it ran, and waited."""
        return Times(0.0, self.waited)

    def reap(self):
        """Give everything back; return the cause of the end."""
        for one in (self.link, self._there):
            one.close()
        self.store.close()
        for descriptor in (self.ended, self._end):
            os.close(descriptor)
        return self._cause

    def say(self, *messages):
        """Send messages, or bytes, to the supervisor."""
        for message in messages:
            self._there.sendall(message if isinstance(message, bytes) else wire.packed(message))

    def store_alerts(self, *alerts, cursor=None, rewinds=False, ended=False):
        """Send alerts to the store."""
        self.store.send(alerts, cursor, rewinds=rewinds, ended=ended)

    def hang_up(self):
        """Close its end of the socket."""
        self._there.close()

    def end(self, cause="ended with status 1"):
        """End."""
        self._cause = cause
        os.write(self._end, b"x")

    def hear(self):
        """Return what the supervisor has said since the last call; a socket to a new store is used from now on."""
        found = []
        while True:
            try:
                data, descriptors = receive_with(self._there, 1 << 20, 4)
            except BlockingIOError:
                return found
            messages = self._received.feed(data)
            with_descriptors = [one for one in messages if isinstance(one, wire.NewStore | wire.NewRules)]
            for message, descriptor in zip(with_descriptors, descriptors, strict=True):
                if isinstance(message, wire.NewStore):
                    self.store.renew(socket.socket(fileno=descriptor))
                else:
                    os.close(descriptor)
            found += messages


class Stage:
    """Workers of the sources that are named, in a loop whose clock stands.

    :ivar deaths: the source, what has ended of it, and why, of each end that nobody had asked for.
    :ivar unread: the sources of which something was given up.
    :ivar heard: what they have said, each with the name of its source.
    :ivar played: the processes of each source, in order.
    :ivar refused: processes cannot be started.
    """

    def __init__(self, *names, loads=True):
        self.clock = ManualClock()
        self.loop = Loop(self.clock)
        self.heard = []
        self.attached = []
        self.played = {name: [] for name in names}
        self.refused = False
        children = [
            Child(name, sealed(name, b""), self.start, self.clock, rules=["rule"], loads=loads) for name in names
        ]
        self.deaths = []
        died = lambda child, *told: self.deaths.append((child.name, *told))  # noqa: E731
        self.unread = []
        self.workers = Workers(
            children,
            self.loop,
            lambda name: self.attach(name),
            died=died,
            unread=lambda child: self.unread.append(child.name),
        )

    def attach(self, name):
        """Return a worker's socket to the store, which nobody listens to unless a test does."""
        here, there = socket.socketpair()
        self.attached.append((name, here))
        return there

    def start(self, name, data, store, kept, held):
        """Start a process."""
        if self.refused:
            raise OSError(11, "Resource temporarily unavailable")
        played = Played(data, store, kept)
        self.played[name].append(played)
        return played

    def begin(self):
        """Start all workers."""
        self.workers.start(lambda child, message: self.heard.append((child.name, message)))

    def last(self, name="one"):
        """Return the latest process of the source."""
        return self.played[name][-1]

    def child(self, name="one"):
        """Return the worker of the source."""
        return next(child for child in self.workers.children if child.name == name)

    def turn(self):
        """Have everything done that is there to do."""
        self.loop.turn(0)

    def let_pass(self, seconds):
        """Let time pass, and a moment more, since a sum of seconds may be above what it should be."""
        self.clock.advance(seconds + 1e-6)
        self.turn()

    def close(self):
        """Take leave of the workers that are left."""
        for child in self.workers.children:
            if child.process is not None:
                child.bury(child.process)
            os.close(child.data)

    def fails(self, name="one"):
        """Have the source's worker fail; return how many processes it has had since it began."""
        self.last(name).end()
        self.turn()
        return len(self.played[name])

    def is_killed(self, name="one"):
        """Have the source's worker be killed; return how many processes it has had since it began."""
        self.last(name).end("killed by SIGKILL")
        self.turn()
        return len(self.played[name])

    def script(self, *steps):
        """Have the steps done one after the other, each in a turn of its own; one that returns False is done again."""

        def do(rest):
            again = not all(self.played.values()) or rest[0]() is False
            if not again:
                rest = rest[1:]
            if rest:
                self.loop.after(0, lambda: do(rest))
            if again:
                time.sleep(0.01)

        self.loop.after(0, lambda: do(steps))


class Sink:
    """An output that writes what happens to it into a file, since it runs in another process."""

    def __init__(self, path):
        self.path = path

    @property
    def told(self):
        """Return what has happened so far."""
        return self.path.read_text().splitlines() if self.path.exists() else []

    def deliver(self, alerts):
        """Accept them."""
        for one in alerts:
            self._write(one.rule)

    def reopen(self):
        """Take note of it."""
        self._write("reopened")

    def close(self):
        """Do nothing."""

    def _write(self, line):
        with self.path.open("a") as file:
            file.write(f"{line}\n")


def of(source, name):
    """Return an alert of a source."""
    return msgspec.structs.replace(alert(name), source=source)

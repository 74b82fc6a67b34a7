"""A worker as its supervisor sees it: forked, listened to, restarted when it dies; with the numbers of all lives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from falcohost.counters import plus
from falcohost.host import wire
from falcohost.host.kept_sockets import Kept
from falcohost.host.numbers import NOTHING
from falcohost.host.settings import SYSCALL
from falcohost.host.task import Task
from falcohost.host.worker import HANDLED, run_worker

FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0

#: A worker that has lived so many seconds is well: the next restart comes soon again.
HEALTHY = 60.0


_NO_REPORT = wire.Report(NOTHING)


class Child:
    """The worker of *task*.

    :ivar alive: there is a process.
    :ivar link: the socket to it.
    :ivar ready: its source is open.
    :ivar was_ready: its source was open at some time.
    :ivar ended: the source has come to its end.
    :ivar renewing: the worker was told to end so that another opens the source anew.
    :ivar sockets: what the worker listens on, kept for the next.
    :ivar error: why the last process failed, in the words of the source; empty if it did not.
    :ivar report: what this life's process has said last; *totals*: the numbers of all lives.
    :ivar lives: how many processes there have been.
    :ivar restart_at: when the next process is due, on the monotonic clock; None if none is.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.name = task.spec.name
        self.alive = False
        self.ready = False
        self.was_ready = False
        self.ended = self.renewing = False
        self.sockets = Kept()
        self.error = ""
        self.trace = ""
        self.restart_at: float | None = None
        self.pid = 0
        self._pidfd = -1
        self.link: socket.socket
        self._received: wire.Received[wire.Up]
        self._outgoing = bytearray()
        self._born = 0.0
        self._lived = 0.0
        self.lives = 0
        self._delay = FIRST_DELAY
        self.report = _NO_REPORT
        self.totals = self._before = NOTHING
        self._oom_kills = 0

    @property
    def is_syscall(self) -> bool:
        """Return whether this is the source that Falco's handling of drops is about."""
        return self.name == SYSCALL

    @property
    def seconds(self) -> float:
        """Return for how long there has been a process, all lives together."""
        return self._lived + (time.monotonic() - self._born if self.alive else 0.0)

    def start(self, cursor: str | None) -> tuple[socket.socket, int]:
        """Fork the worker, whose source goes on from *cursor*.

        :returns: its link, and the descriptor that becomes readable when it ends.
        """
        self.restart_at = None
        self.error = self.trace = ""
        self._oom_kills = _oom_kills()
        parent = os.getpid()
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        # A signal must not reach the child while it still has the supervisor's handlers; it lets them through itself.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                run_worker(self.task, there, parent, cursor, self.sockets.descriptors)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            there.close()
        self.link, self._received, self._outgoing = here, wire.Received(wire.Up), bytearray()
        self._pidfd = os.pidfd_open(self.pid)
        self._born = time.monotonic()
        self.lives += 1
        self.alive = True
        return here, self._pidfd

    def read(self) -> list[wire.Up]:
        """Return the messages that have arrived, without waiting. Takes note of what concerns the child itself."""
        if not self.alive:
            return []
        try:
            data = self.sockets.receive(self.link)
            messages = self._received.feed(data)
        except (BlockingIOError, ConnectionError):
            return []
        except ValueError as error:
            # Only a worker that is no longer ours says such things; nothing more is read from it.
            self.error = f"its worker sent what is no message ({error}) and is killed"
            self.signal(signal.SIGKILL)
            self._received = wire.Received(wire.Up)
            return []
        for message in messages:
            self._note(message)
        return messages

    def drain(self) -> Iterable[wire.Up]:
        """Yield what a worker that has ended left behind."""
        while messages := self.read():
            yield from messages

    def _note(self, message: wire.Up) -> None:
        if isinstance(message, wire.Ready):
            self.ready = self.was_ready = True
        elif isinstance(message, wire.Listening):
            self.sockets.take(message.counts)
        elif isinstance(message, wire.Report):
            self._take(message)
        elif isinstance(message, wire.Ended):
            self.ended = True
        elif isinstance(message, wire.Failed):
            self.error, self.trace = message.error, message.trace

    def _take(self, report: wire.Report) -> None:
        self.report = report
        self.totals = plus(self._before, report.numbers)

    def send(self, message: wire.Down) -> None:
        """Tell the worker something, without waiting for it: what does not fit waits for :meth:`send_rest`."""
        self._outgoing += wire.packed(message)
        self.send_rest()

    def send_rest(self) -> None:
        """Send what waits, as far as that is possible now."""
        try:
            del self._outgoing[: self.link.send(self._outgoing, socket.MSG_DONTWAIT)]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()  # the worker is gone, and its successor begins with what is true then

    @property
    def waits_to_send(self) -> bool:
        """Return whether something waits until the worker reads."""
        return bool(self._outgoing)

    def signal(self, number: signal.Signals) -> None:
        """Send the worker a signal."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def renew(self) -> None:
        """Have the worker end, for another one that opens the source anew."""
        self.renewing = self.alive
        self.signal(signal.SIGTERM)

    def bury(self) -> str:
        """Reap the worker, which has ended; return the cause in words.

        Where nobody would serve them soon, senders are refused from now on.
        """
        if not self.ready or (self.ended and not self.renewing):
            self.sockets.close()
        _, status = os.waitpid(self.pid, 0)
        os.close(self._pidfd)
        self.link.close()
        self._before = self.totals
        self._take(_NO_REPORT)
        life = time.monotonic() - self._born
        self._lived += life
        self.alive = self.ready = False
        if life >= HEALTHY:
            self._delay = FIRST_DELAY
        return self._cause(os.waitstatus_to_exitcode(status))

    def schedule(self) -> float:
        """Make the next process due; return in how many seconds. The wait doubles with each restart in a row."""
        delay, self._delay = self._delay, min(2 * self._delay, LONGEST_DELAY)
        self.restart_at = time.monotonic() + delay
        return delay

    def _cause(self, code: int) -> str:
        if self.error:
            return self.error
        if code == -signal.SIGKILL and _oom_kills() > self._oom_kills:
            return "killed because memory ran out"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"


def _oom_kills() -> int:
    """Return how many processes this kernel has killed for want of memory (proc(5), /proc/vmstat)."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)

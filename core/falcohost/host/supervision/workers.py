"""Starts and stops all workers, reads their messages, and restarts them with back-off when they fail."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterable
from typing import TypeAlias

from falcohost.host import wire
from falcohost.host.reader_link import Handed
from falcohost.host.shortage import no_process
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loaders import Loaders, Of
from falcohost.host.supervision.loop import Loop, Outcome, Timer
from falcohost.host.supervision.process import Process
from falcohost.host.supervision.unstarted import Unstarted
from falcohost.log import NOTICE, log

#: Seconds that a worker has to end after it was told to.
GRACE = 5.0

#: Most seconds until a worker is started again whose loader goes on: what it reads is kept for so long only.
LONGEST_PREPARED = 1.0

#: Handles a worker's message.
Hear: TypeAlias = Callable[[Child, wire.Up], None]


class Workers:
    """The workers of all sources. When none of them has work left, the run ends.

    :param attach: returns a new socket to the store for the source with this name.
    :param buried: called with each whose worker has ended.
    :param died: called with each of which the worker or the loader has ended unasked, which it was, and the cause.
    :param unread: called with each of which something that the kernel has collected is given up.
    :param begun: called with each of which a process has been started.
    :param unstarted: told of processes that cannot be started.
    :param once: end the run when a source gives up; otherwise it is opened again.
    """

    def __init__(
        self,
        children: Iterable[Child],
        loop: Loop,
        attach: Callable[[str], socket.socket],
        buried: Callable[[Child], None] = lambda child: None,
        *,
        died: Callable[[Child, str, str], None] = lambda child, what, cause: None,
        unread: Callable[[Child], None] = lambda child: None,
        begun: Callable[[Child], None] = lambda child: None,
        once: bool = False,
        unstarted: Unstarted | None = None,
    ) -> None:
        self._died_unasked = died
        self._buried = buried
        self._begun = begun
        self._once = once
        self.children = list(children)
        self._loop = loop
        self._attach = attach
        self._hear: Hear
        of = Of(attach, self._start, self._send, lambda child, message: self._hear(child, message), died, unread)
        self._unstarted = unstarted or Unstarted()
        self._loaders = Loaders(loop, of, self._unstarted)
        self._restarts: dict[str, Timer] = {}
        self._measuring = False

    @property
    def any_alive(self) -> bool:
        """Return whether any worker or loader is running."""
        return any(child.present for child in self.children)

    def start(self, hear: Hear) -> None:
        """Start all workers; *hear* is called with each of their messages."""
        self._hear = hear
        for child in self.children:
            self._start(child)

    def attach_again(self) -> None:
        """Give all workers sockets to a new store."""
        for child in self.children:
            if child.alive and not child.link.closed:
                with self._attach(child.name) as store:
                    self._send(child, wire.NewStore(), store.fileno())

    def send(self, child: Child, message: wire.Down, descriptor: int) -> None:
        """Send *message* with a duplicate of *descriptor* to the worker of *child*."""
        self._send(child, message, descriptor)

    def accuse(self, source: str, error: str) -> None:
        """Kill the worker of *source*, which has sent the store what is not valid."""
        for child in self.children:
            if child.name == source:
                child.accuse(error)

    def mend(self, child: Child) -> None:
        """Have the source of *child* opened anew, from what it reads in the kernel on: that was changed."""
        if not self._loaders.load_anew(child):
            child.renew()

    def measure(self, on: bool) -> None:
        """Start or stop measuring the cost of events in all workers, including those that start later."""
        self._measuring = self._loaders.measuring = on
        for child in self.children:
            self._loaders.send(child, wire.Measure(on))
            self._send(child, wire.Measure(on))

    def tell(self, message: wire.Down) -> None:
        """Send *message* to all workers and loaders."""
        for child in self.children:
            self._loaders.send(child, message)
            self._send(child, message)

    def go_over(self, number: int, new: Handed) -> None:
        """Send each worker its *new* memfd; their answers carry *number*.

        Where there is a loader it comes first, so that the worker gets what it asks for once it has switched.
        """
        facts = new.assignment.facts
        for child in self.children:
            data = child.go_over(number, new.workers[child.name], facts[child.name])
            self._loaders.outdate(child, number)
            if not self._loaders.send(child, wire.NewRules(number), data):
                self._send(child, wire.NewRules(number), data)

    def stop(self, *, keeps: bool = False) -> None:
        """Tell all workers to end; kill those that are still running after :data:`GRACE` seconds.

        :param keeps: what is kept of them is for a successor.
        """
        for child in self.children:
            if (restart := self._restarts.pop(child.name, None)) is not None:
                self._loop.cancel(restart)
            if not keeps:
                child.kept.close()
            child.signal(signal.SIGTERM)
            self._loaders.signal(child, signal.SIGTERM)
        self._loop.after(GRACE, self.kill)

    def kill(self) -> None:
        """Kill the workers that are still running."""
        for child in self.children:
            if child.alive:
                log.error("event source '%s' does not end; killing its worker", child.name)
                child.signal(signal.SIGKILL)
            self._loaders.signal(child, signal.SIGKILL)

    def _start(self, child: Child) -> None:
        try:
            with self._attach(child.name) as store:
                process = child.start(store)
        except OSError as error:
            delay = self._unstarted.tell(f"the worker of event source '{child.name}'", error)
            self._start_after(delay, child)
            return
        self._unstarted.started(f"the worker of event source '{child.name}'")
        self._loop.watch(child.link, lambda: self._serve(child))
        self._loop.watch(process.ended, lambda: self._died(child, process))
        if self._measuring:
            self._send(child, wire.Measure(True))
        try:
            self._begun(child)
        except OSError as error:
            log.error("event source '%s': its worker cannot be connected: %s", child.name, no_process(error))
            child.signal(signal.SIGKILL)

    def _send(self, child: Child, message: wire.Down, descriptor: int | None = None) -> None:
        if child.alive and not child.link.closed:
            child.link.send(message, descriptor)
            self._loop.watch_writing(child.link, child.link.waits_to_send)

    def _serve(self, child: Child) -> None:
        if child.alive:  # it may have ended in the same turn
            if child.link.waits_to_send:
                child.link.send_rest()
                self._loop.watch_writing(child.link, child.link.waits_to_send)
            messages = child.read() or ()
            if child.link.closed:  # a closed socket stays readable
                self._loop.forget(child.link)
            self._tell(child, messages)
            if any(isinstance(message, wire.Loaded) for message in messages) and child.preparation is None:
                self._begin_loader(child)

    def _begin_loader(self, child: Child) -> None:
        """Take note that the process of *child* has turned out to be a loader, and has prepared everything."""
        assert child.process is not None
        self._loop.forget(child.process.ended)
        if not child.link.closed:
            self._loop.forget(child.link)
        self._loaders.begin(child, child.process)

    def _tell(self, child: Child, messages: Iterable[wire.Up]) -> None:
        for message in messages:
            self._hear(child, message)

    def _died(self, child: Child, process: Process) -> None:
        if child.process is not process:  # it has turned out to be a loader in the same turn
            return
        if not child.link.closed:
            self._tell(child, child.drain())
            self._loop.forget(child.link)
        self._loop.forget(process.ended)
        cause = child.bury(process)
        self._buried(child)
        if child.trace:
            log.debug("%s", child.trace)
        if self._loop.outcome is not None:
            return
        if child.renewing:
            child.renewing = child.ended = False
            self._loaders.go_over(child)
            self._start(child)
        elif child.ended:
            child.error = ""
            seen, lost, failed = child.totals.received, child.totals.lost, child.totals.failed
            more = f", a rule failed on {failed} of them" if failed else ""
            text = "Event source '%s' has ended: %d events received, %d lost%s"
            log.log(NOTICE, text, child.name, seen, lost, more)
            self._end_unless_something_is_left()
        elif self._once and child.error and not child.trace:  # in its own words, so that a crash is no reason to end
            self._loop.end(Outcome.FAILED, cause)
        else:
            child.error = cause
            if child.was_ready:
                self._died_unasked(child, "worker", cause)
            if not self._end_unless_something_is_left():
                self._restart(child, cause)

    def _restart(self, child: Child, cause: str) -> None:
        delay = self._start_after(child.backoff.at_once() if child.at_once else child.backoff.next(), child)
        what = "worker failed" if child.was_ready else "cannot be opened"
        again = f"starting it again in {delay:.1f} s" if delay else "starting it again at once"
        log.error("event source '%s' (pid %d): %s: %s; %s", child.name, child.pid, what, cause.rstrip("."), again)

    def _start_after(self, delay: float, child: Child) -> float:
        """Start the worker of *child* after *delay*, or after the longest for which what it reads is kept."""
        if child.preparation is not None:
            delay = min(delay, LONGEST_PREPARED)
        self._restarts[child.name] = self._loop.after(delay, lambda: self._start(child))
        return delay

    def _end_unless_something_is_left(self) -> bool:
        """End the run if every source has ended or was never open; return whether it was ended."""
        if any(child.present or (child.was_ready and not child.ended) for child in self.children):
            return False
        errors = [child.error for child in self.children if not child.ended]
        self._loop.end(Outcome.FAILED if errors else Outcome.STOPPED, "; ".join(errors))
        return True

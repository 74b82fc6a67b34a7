"""All workers: started, listened to, started again with back-off when they fail, ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from falcohost.host import wire
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loop import Loop, Outcome, Timer
from falcohost.host.supervision.process import Process
from falcohost.log import log

if TYPE_CHECKING:
    from falcohost.host.reload import NewRules

#: Seconds that a worker has to end by itself when it is told to.
GRACE = 5.0

#: Is told what a worker says.
Hear: TypeAlias = Callable[[Child, wire.Up], None]


class Workers:
    """The workers of all sources. When none of them has anything left to do, the run ends.

    :param cursor: returns how far a source has been read and stored.
    """

    def __init__(self, children: Iterable[Child], loop: Loop, cursor: Callable[[str], str | None]) -> None:
        self.children = list(children)
        self._loop = loop
        self._cursor = cursor
        self._hear: Hear
        self._restarts: dict[str, Timer] = {}
        self._measuring = False

    @property
    def any_alive(self) -> bool:
        """Return whether some worker is there."""
        return any(child.alive for child in self.children)

    def start(self, hear: Hear) -> None:
        """Start all of them; from now on *hear* is told what they say."""
        self._hear = hear
        for child in self.children:
            self._start(child)

    def acknowledge(self, cursors: Mapping[str, str]) -> None:
        """Tell sources up to where all their alerts are stored."""
        for child in self.children:
            if child.name in cursors:
                self._send(child, wire.Ack(cursors[child.name]))

    def measure(self, on: bool) -> None:
        """Have all of them measure what events cost, those too that are started later; or no longer."""
        self._measuring = on
        for child in self.children:
            self._send(child, wire.Measure(on))

    def go_over(self, number: int, new: NewRules) -> None:
        """Have all of them go over to *new* rules; *number* comes back with their answer."""
        for child in self.children:
            child.task = new.tasks[child.name]
            self._send(child, wire.NewRules(number, new.encoded[child.name], new.first))

    def stop(self) -> None:
        """Tell all of them to end; those that have not after :data:`GRACE` seconds are killed."""
        for child in self.children:
            if (restart := self._restarts.pop(child.name, None)) is not None:
                self._loop.cancel(restart)
            child.sockets.close()
            child.signal(signal.SIGTERM)
        self._loop.after(GRACE, self.kill)

    def kill(self) -> None:
        """End those that are still there."""
        for child in self.children:
            if child.alive:
                log.error("event source '%s' does not end by itself; its worker is killed", child.name)
                child.signal(signal.SIGKILL)

    def _start(self, child: Child) -> None:
        try:
            process = child.start(self._cursor(child.name))
        except OSError as error:
            self._restart(child, f"no process can be started: {error.strerror}")
            return
        self._loop.watch(child.link, lambda: self._serve(child))
        self._loop.watch(process.ended, lambda: self._died(child, process))
        if self._measuring:
            self._send(child, wire.Measure(True))

    def _send(self, child: Child, message: wire.Down) -> None:
        if child.alive and not child.link.closed:
            child.link.send(message)
            self._loop.watch_writing(child.link, child.link.waits_to_send)

    def _serve(self, child: Child) -> None:
        if child.alive:  # its death may have been told in the same turn
            if child.link.waits_to_send:
                child.link.send_rest()
                self._loop.watch_writing(child.link, child.link.waits_to_send)
            self._tell(child, child.read() or ())
            if child.link.closed:  # it would be ready until the worker has ended
                self._loop.forget(child.link)

    def _tell(self, child: Child, messages: Iterable[wire.Up]) -> None:
        for message in messages:
            self._hear(child, message)

    def _died(self, child: Child, process: Process) -> None:
        if not child.link.closed:
            self._tell(child, child.drain())
            self._loop.forget(child.link)
        self._loop.forget(process.ended)
        cause = child.bury(process)
        if child.trace:
            log.debug("%s", child.trace)
        if self._loop.outcome is not None:
            return
        if child.renewing:
            child.renewing = child.ended = False
            self._start(child)
        elif child.ended:
            child.error = ""
            seen, lost = child.totals.received, child.totals.lost
            log.info("Event source '%s' has ended: %d events, %d of them left out", child.name, seen, lost)
            self._end_unless_something_is_left()
        else:
            child.error = cause
            if not self._end_unless_something_is_left():
                self._restart(child, cause)

    def _restart(self, child: Child, cause: str) -> None:
        delay = child.backoff.next()
        self._restarts[child.name] = self._loop.after(delay, lambda: self._start(child))
        what = "worker failed" if child.was_ready else "cannot be opened"
        again = f"starting it again in {delay:.1f} s"
        log.error("event source '%s' (pid %d): %s: %s; %s", child.name, child.pid, what, cause.rstrip("."), again)

    def _end_unless_something_is_left(self) -> bool:
        """End the run if no source runs, or ran and has not ended; one that was never open is nothing to wait for."""
        if any(child.alive or (child.was_ready and not child.ended) for child in self.children):
            return False
        errors = [child.error for child in self.children if not child.ended]
        self._loop.end(Outcome.FAILED if errors else Outcome.STOPPED, "; ".join(errors))
        return True

"""Reloads rules: a reader reads them, and they are passed on; restarts if more than rules has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from falcohost.alert import Priority
from falcohost.host import wire
from falcohost.host.descriptors import check_room
from falcohost.host.reader_link import Handed
from falcohost.host.shortage import no_process
from falcohost.host.supervision.internal import InternalAlerts
from falcohost.host.supervision.loop import Loop, Outcome, Timer
from falcohost.host.supervision.notify import Notify
from falcohost.host.supervision.reader import Bug, LoadingError, Reader
from falcohost.log import log

FAILURE = "Falco internal: hot restart failure"

#: Descriptors that going over to what was read takes, and so many more for each source.
ROOM: Final = 16
MORE: Final = 2

#: Longest time that a reader may take, in seconds.
PATIENCE = 300.0


class Reloading:
    """Reloads rules, one reader at a time; one that is still running at the end of its ``with`` block is cancelled.

    :param load: starts a reader.
    :param take: called with the number of the reload and what the reader has handed over.
    :param accept: called before *take*, and before a restart, then with None; and with the cause.
    :param wait_for: called with the files that a reader found missing, to watch for them.
    :param room: descriptors that have to be free to go over to what was read.
    :param notify: told when a reload begins and ends.
    """

    def __init__(
        self,
        load: Callable[[], Reader],
        take: Callable[[int, Handed], None],
        loop: Loop,
        internal: InternalAlerts,
        wait_for: Callable[[Sequence[str]], None] = lambda missing: None,
        accept: Callable[[Handed | None, str], None] = lambda new, cause: None,
        patience: float = PATIENCE,
        notify: Notify | None = None,
        room: int = ROOM,
    ) -> None:
        self._load = load
        self._take = take
        self._loop = loop
        self._internal = internal
        self._wait_for = wait_for
        self._accept = accept
        self._patience = patience
        self._room = room
        self._notify = notify or Notify()
        self._reader: Reader | None = None
        self._limit: Timer
        self._reading = False
        self._overdue = False
        self._cause = self._next = ""
        self._upgrades: list[Callable[[str], None]] = []
        self._answer: Callable[[str], None] = lambda problem: None
        self._number = 0
        self._untold: set[str] = set()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.cancel()

    def begin(self, cause: str) -> None:
        """Start a reader for the current files; if one is running, start another after it."""
        if self._reader is not None:
            self._next = cause
            return
        self._cause = cause
        log.info("%s, checking configuration and rules...", cause)
        self._start(self._load)

    def upgrade(self, answer: Callable[[str], None]) -> None:
        """Go over to the installed version, if that would start; *answer* is told why not, or an empty text.

        If a reader is running, this begins after it.
        """
        if self._reader is not None:
            self._upgrades.append(answer)
            return
        log.info("An upgrade is asked for, checking the installed version...")
        self._answer, self._cause = answer, "an upgrade is asked for"
        self._start(lambda: Reader(lambda _: False, silent=True))

    def _start(self, start: Callable[[], Reader]) -> None:
        try:
            self._reader = start()
        except OSError as error:
            self._refuse(f"checking configuration and rules takes a process: {no_process(error)}")
            return
        self._notify.reloading()
        self._reading = True
        self._loop.watch(self._reader.link, self._read)
        self._loop.watch(self._reader.finished, self._finish)
        self._overdue = False
        self._limit = self._loop.after(self._patience, self._too_long)

    def taken(self, source: str, answer: wire.RulesTaken) -> None:
        """Log that a worker has switched to new rules, or kept its former ones."""
        if answer.error:
            log.error("event source '%s' keeps its former rules: %s", source, answer.error)
        elif answer.number == self._number:
            self._untold.discard(source)
            log.info("Event source '%s' now uses the new rules", source)

    def opened(self, source: str) -> None:
        """Log that a worker has begun with new rules, if the one before has not switched to them."""
        if source in self._untold:
            self._untold.discard(source)
            log.info("Event source '%s' now uses the new rules", source)

    def _read(self) -> None:
        """Take what the reader has sent; at the end, or if it is not valid, listen no more."""
        if self._reader is not None and self._reading:
            try:
                self._reading = self._reader.read()
            except ValueError:
                self._reading = False
                self._reader.kill()
            if not self._reading:
                self._loop.forget(self._reader.link)

    def _finish(self) -> None:
        assert self._reader is not None
        reader, self._reader = self._reader, None
        if self._reading:
            self._loop.forget(reader.link)
        self._loop.forget(reader.finished)
        self._loop.cancel(self._limit)
        new: Handed | None = None
        error, missing = "", tuple[str, ...]()
        try:
            new = reader.result()
        except LoadingError as failure:
            error, missing = str(failure), failure.missing
        except Bug as bug:
            error = str(bug)
        if self._overdue:
            error = f"checking configuration and rules took more than {self._patience:g} s, and was ended"
        error = error or self._lacks_room(new)
        self._wait_for(missing)
        self._notify.reloaded()
        if error:
            self._refuse(error)
        else:
            self._tell("")
            self._go_over(new)
        if self._upgrades and self._loop.outcome is None:
            self.upgrade(self._upgrades.pop(0))
        elif self._next and self._loop.outcome is None:
            cause, self._next = self._next, ""
            self.begin(cause)

    def _lacks_room(self, new: Handed | None) -> str:
        """Return why nothing can be gone over to now, with each process's part of it; close that then."""
        try:
            check_room(self._room)
        except OSError as error:
            if new is not None:
                new.close()
            return f"going over takes more descriptors: {no_process(error)}"
        return ""

    def _refuse(self, error: str) -> None:
        self._tell(error)
        log.error("%s: %s", FAILURE, error)
        self._internal.raise_alert(FAILURE, Priority.CRITICAL, f"{FAILURE}: {error}", {"reason": error})

    def _tell(self, problem: str) -> None:
        """Tell who has asked for an upgrade how it ends."""
        answer, self._answer = self._answer, lambda problem: None
        answer(problem)

    def _too_long(self) -> None:
        assert self._reader is not None
        self._overdue = True
        self._reader.kill()

    def _go_over(self, new: Handed | None) -> None:
        self._accept(new, self._cause)
        if new is None:
            log.info("restarting...")
            self._loop.end(Outcome.RESTART)
            return
        self._number += 1
        self._untold = {source.name for source in new.assignment.sources}
        self._take(self._number, new)

"""Reloads rules: tries them in a separate process, then passes them on; restarts if more than rules has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from falcohost.alert import Priority
from falcohost.errors import FalcohostError
from falcohost.host import wire
from falcohost.host.supervision.internal import InternalAlerts
from falcohost.host.supervision.loop import Loop, Outcome, Timer
from falcohost.host.supervision.trial import Trial
from falcohost.log import log

if TYPE_CHECKING:
    from falcohost.host.reload import ReloadedRules

FAILURE = "Falco internal: hot restart failure"

#: Longest duration of a trial, in seconds.
PATIENCE = 300.0


class Reloading:
    """Reloads rules, one trial at a time; a trial that is still running at the end of its ``with`` block is cancelled.

    :param load: loads new rules; returns None if a restart is needed.
    :param take: called with the number of the reload and the new rules.
    :param wait_for: called with the files that a trial found missing, to watch for them.
    """

    def __init__(
        self,
        load: Callable[[], ReloadedRules | None],
        take: Callable[[int, ReloadedRules], None],
        loop: Loop,
        internal: InternalAlerts,
        wait_for: Callable[[Sequence[str]], None] = lambda missing: None,
        patience: float = PATIENCE,
    ) -> None:
        self._load = load
        self._take = take
        self._loop = loop
        self._internal = internal
        self._wait_for = wait_for
        self._patience = patience
        self._trial: Trial | None = None
        self._limit: Timer
        self._overdue = False
        self._next = ""
        self._number = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._trial is not None:
            self._trial.cancel()

    def begin(self, cause: str) -> None:
        """Start a trial of the current files; if one is running, start another after it."""
        if self._trial is not None:
            self._next = cause
            return
        log.info("%s, checking configuration and rules...", cause)
        self._trial = Trial(self._load)
        self._loop.watch(self._trial.finished, self._finish)
        self._overdue = False
        self._limit = self._loop.after(self._patience, self._too_long)

    def taken(self, source: str, answer: wire.RulesTaken) -> None:
        """Log that a worker has switched to new rules, or kept its former ones."""
        if answer.error:
            log.error("event source '%s' keeps its former rules: %s", source, answer.error)
        elif answer.number == self._number:
            log.info("Event source '%s' now uses the new rules", source)

    def _finish(self) -> None:
        assert self._trial is not None
        self._loop.forget(self._trial.finished)
        self._loop.cancel(self._limit)
        error, missing = self._trial.error(), self._trial.missing
        if self._overdue:
            error = f"checking configuration and rules took more than {self._patience:g} s, and was ended"
        self._trial = None
        self._wait_for(missing)
        if error is None:
            try:
                new = self._load()
            except FalcohostError as failure:  # changed again since the trial
                error = str(failure)
            else:
                self._go_over(new)
        if error is not None:
            log.error("%s: %s", FAILURE, error)
            self._internal.raise_alert(FAILURE, Priority.CRITICAL, f"{FAILURE}: {error}", {"reason": error})
        if self._next and self._loop.outcome is None:
            cause, self._next = self._next, ""
            self.begin(cause)

    def _too_long(self) -> None:
        assert self._trial is not None
        self._overdue = True
        self._trial.kill()

    def _go_over(self, new: ReloadedRules | None) -> None:
        if new is None:
            log.info("restarting...")
            self._loop.end(Outcome.RESTART)
            return
        self._number += 1
        self._take(self._number, new)

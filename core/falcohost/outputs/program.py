"""The output ``program``: a shell command that reads a line per alert from its input, as Falco's does.

It runs as a user of its own, never as root. With ``keep_alive`` one process reads all lines; an alert is delivered when
the process has read its line and lives. Otherwise each alert has a run of its own, and is delivered when that has ended
with status 0.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from falcohost.alert import Alert, AlertFormat
from falcohost.clock import SYSTEM, Clock
from falcohost.environment import for_programs
from falcohost.errors import OutputError, OutputRefused, SourceError
from falcohost.log import log
from falcohost.outputs.lines import as_lines
from falcohost.outputs.program_run import Run, RunFailed
from falcohost.program.keeper import Keeper
from falcohost.programs import are_chosen, way_for

#: Runs the command.
_SHELL: Final = ("/bin/sh", "-c")

#: Attempts at one alert, each with a run that had read it, after which it is refused for good.
ATTEMPTS: Final = 8

#: Statuses that say nothing about the alert: EX_TEMPFAIL (sysexits.h), cannot be executed, not found (sh(1)).
_NOT_ITS_FAULT: Final = frozenset({75, 126, 127})

#: Least seconds between two messages about what the program prints.
TELL: Final = 10.0


class ProgramOutput:
    """Runs the command of *block*.

    :raises OutputError: its user does not exist, or would be root.
    """

    def __init__(self, block: Mapping[str, Any], form: AlertFormat, clock: Clock = SYSTEM) -> None:
        self._called = str(block["called"])
        user = str(block["user"])
        if not are_chosen() and os.geteuid() == 0:
            raise OutputError("the program of an output does not run as root: only an agent can give it another user")
        try:
            self._keeper = Keeper((*_SHELL, str(block["program"])), for_programs(), way_for(user, ()))
        except SourceError as error:
            raise OutputError(f"{self._called}: {error}") from error
        self._keeps_alive = bool(block["keep_alive"])
        self._patience = float(block["timeout"])
        self._form = form
        self._clock = clock
        self._run: Run | None = None
        self._tell_at = clock.monotonic()
        self._arrived: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._refused: dict[str, str] = {}

    def deliver(self, alerts: list[Alert]) -> None:
        """Have the program read *alerts*; those that have arrived before an error are not passed on again after it.

        :raises OutputRefused: :data:`ATTEMPTS` runs that had read an alert have failed.
        :raises OutputError: the program does not work now.
        """
        for _ in self.deliver_parts(alerts):
            pass

    def deliver_parts(self, alerts: list[Alert]) -> Iterator[int]:
        """Have the program read *alerts* like :meth:`deliver`; yield after each run how many of the first have arrived.

        One process that reads all of them does not say what it has done with which.
        """
        left = [alert for alert in alerts if alert.id not in self._arrived and alert.id not in self._refused]
        if self._keeps_alive and not self._failures:
            try:
                self._pass_on(left)
            except RunFailed:
                self._failures[""] = 1  # from now on each alone, so that it is clear which one a program does not bear
                raise
        else:
            count = 0
            for _ in self._try_each(left):
                while count < len(alerts) and alerts[count].id in self._arrived:
                    count += 1
                yield count
        refused = {n: self._refused[alert.id] for n, alert in enumerate(alerts) if alert.id in self._refused}
        self._arrived.clear()
        self._refused.clear()
        self._failures.clear()
        if refused:
            raise OutputRefused(refused)

    def reopen(self) -> None:
        """End the program, as Falco does; the next alert starts it."""
        self._end()

    def close(self) -> None:
        """End the program, and all that it has started."""
        self._end()
        self._keeper.close()

    def _try_each(self, alerts: Sequence[Alert]) -> Iterator[None]:
        """Pass on *alerts*, each for itself; yield after each that has arrived.

        :raises OutputError: some have not arrived.
        """
        error: RunFailed | None = None
        before = len(self._arrived)
        for alert in alerts:
            try:
                self._pass_on([alert])
            except RunFailed as failure:
                failure.progressed = len(self._arrived) > before
                if failure.status in _NOT_ITS_FAULT or not failure.blames:
                    raise
                self._failures[alert.id] += 1
                if self._failures[alert.id] < ATTEMPTS:
                    error = failure
                else:
                    self._refused[alert.id] = str(failure)
            else:
                self._arrived.add(alert.id)
                yield
        if error is not None:
            raise error

    def _pass_on(self, alerts: Sequence[Alert]) -> None:
        """Have a program read *alerts*, and end if it is not kept alive.

        :raises OutputError: it has not done so.
        """
        if not alerts:
            return
        if self._run is not None and (how := self._run.over()):
            log.info("%s: %s; it is started again", self._called, how)
            self._end()
        if self._run is None:
            self._run = Run(self._keeper, self._patience, self._clock)
        try:
            self._run.write(as_lines(alerts, self._form.line))
            if not self._keeps_alive:
                self._run.finish()
        except OutputError:
            self._end()
            raise
        self._tell()
        if not self._keeps_alive:
            self._end()

    def _tell(self) -> None:
        """Log what the program prints, not too often."""
        if self._run is not None and self._clock.monotonic() >= self._tell_at and (said := self._run.printed()):
            self._tell_at = self._clock.monotonic() + TELL
            log.info("%s: the program has printed: %s", self._called, said)

    def _end(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.close()


def program_problem(block: Mapping[str, Any]) -> str | None:
    """Return why the program cannot be run; None if its user and a shell are there. It is not run."""
    if shutil.which(_SHELL[0]) is None:
        return f"there is no {_SHELL[0]} to run the program"
    if user := str(block["user"]):
        try:
            if pwd.getpwnam(user).pw_uid == 0:
                return f"the program may not run as {user}, who is root"
        except KeyError:
            return f"the user {user}, as whom the program is to run, does not exist"
    return None

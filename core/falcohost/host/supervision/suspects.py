"""Finds out which message ends the store process, so that the next one can pass it over."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Final

from falcohost.alert import Priority
from falcohost.host.storing.handled import Caution, Handled
from falcohost.host.supervision.process import ENDED
from falcohost.host.supervision.watchdog import RaiseAlert

ASIDE: Final = "Falcohost internal: message kept aside"

#: So many messages of one worker are kept aside; with another one, it is compromised.
MOST_ASIDE: Final = 3

#: Causes of an end that say nothing about what was handled: somebody wanted it.
_WANTED: Final = frozenset({ENDED, *(f"killed by {one.name}" for one in (signal.SIGKILL, signal.SIGTERM))})


class Suspects:
    """Whose messages have ended the store process.

    A message that was handled when it ended comes again, to the next one, which handles each by itself. If that ends
    too, the one after it keeps the message aside.

    :param accuse: called with a source that has sent what is not valid.
    :param pid_of: returns the process id of a source's worker.
    """

    def __init__(
        self,
        sources: Iterable[str],
        raise_alert: RaiseAlert,
        accuse: Callable[[str, str], None],
        pid_of: Callable[[str], int],
    ) -> None:
        self._handled = Handled(sources)
        self._raise = raise_alert
        self._accuse = accuse
        self._pid_of = pid_of
        self._careful = False
        self._skipped: set[tuple[str, int]] = set()

    def caution(self) -> Caution:
        """Return how the next store process handles messages."""
        self._handled.end()
        return Caution(self._handled, self._careful, frozenset(self._skipped))

    def ended(self, cause: str, *, hung: bool) -> None:
        """Take note that a store process has ended of this *cause*; *hung*: it was killed since it did not answer."""
        found = self._handled.found()
        if found is None or (cause in _WANTED and not hung):
            return
        was_careful, self._careful = self._careful, True
        if was_careful:
            self._suspect(*found, cause)

    def forget(self, source: str) -> None:
        """Take note that the worker of *source* has ended: the next one begins to count its messages anew."""
        self._skipped = {one for one in self._skipped if one[0] != source}

    def _suspect(self, source: str, number: int, cause: str) -> None:
        aside = sum(name == source for name, _ in self._skipped)
        if not number or aside == MOST_ASIDE:
            self._accuse(source, f"the store process has ended again and again of what it sent: {cause}")
            return
        self._skipped.add((source, number))
        pid = self._pid_of(source)
        text = (
            f"a message of the worker of event source '{source}' (pid {pid}) has ended the store process twice "
            f"({cause}); it is kept aside in the state directory, and its alerts are not stored"
        )
        fields = {"source": source, "pid": pid, "number": number, "cause": cause}
        self._raise(ASIDE, Priority.CRITICAL, text, fields)

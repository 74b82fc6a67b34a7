"""Shows the progress of sources that end, such as files, on the terminal.

The cursor returns to the start of the line, so that the next alert or message overwrites it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child

#: Seconds between two updates.
PAUSE = 0.2

#: Erases from the cursor to the end of the line (ECMA-48, EL).
_ERASE = "\x1b[K"


class Progress:
    """Writes the progress line to stderr if *shown* is true."""

    def __init__(self, *, shown: bool, clock: Clock = SYSTEM) -> None:
        self._shown = shown
        self._clock = clock
        self._due = 0.0

    def show(self, children: Sequence[Child]) -> None:
        """Update the line, unless the last update was less than :data:`PAUSE` seconds ago."""
        if self._shown and (now := self._clock.monotonic()) >= self._due:
            self._due = now + PAUSE
            self._write(f"{progress_text(children)}{_ERASE}\r")

    def erase(self) -> None:
        """Erase the line."""
        if self._shown:
            self._write(_ERASE)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def progress_text(children: Sequence[Child]) -> str:
    """Return the line: the share that has been read, if all sources know it, and the number of events so far."""
    events = f"{sum(child.totals.passed for child in children):,} events"
    shares = [1.0 if child.ended else child.totals.done for child in children]
    known = [share for share in shares if share is not None]
    if not known or len(known) < len(shares):
        return events
    return f"{int(100 * sum(known) / len(known)):3} %  {events}"
